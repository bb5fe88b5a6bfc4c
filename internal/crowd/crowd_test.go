package crowd

import "testing"

func TestThereIsRoomForSoManyInAllAndOfOneKey(t *testing.T) {
	c := Crowd{All: 3, Each: 2}
	for i, want := range []struct {
		key      string
		all, own int
		ok       bool
	}{{"a", 0, 0, true}, {"a", 1, 1, true}, {"a", 2, 2, false}, {"b", 2, 0, true}, {"c", 3, 0, false}} {
		if all, own, ok := c.Enter(want.key); all != want.all || own != want.own || ok != want.ok {
			t.Errorf("%d: %d %d %v, want %+v", i, all, own, ok, want)
		}
	}
	c.Leave("a")
	if _, _, ok := c.Enter("c"); !ok {
		t.Error("who left still takes room")
	}
	for _, k := range []string{"a", "b", "c"} {
		c.Leave(k)
	}
	if c.all != 0 || len(c.by) != 0 {
		t.Errorf("%d are inside, %d keys remembered", c.all, len(c.by))
	}
}
