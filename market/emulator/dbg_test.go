package emulator
import ("testing";"testing/synctest";"time";"fmt")
func TestDbg(t *testing.T){ synctest.Test(t, func(t *testing.T){
 w:=NewWorld(1,WorldOptions{})
 for _,id:=range []string{"binance"} {
 v,_:=New("binance",w,Options{}); _=id
 for _,p:=range v.pits { n,ch:=0,0; at:=v.start; var lo,hi float64
  maxsp:=int64(0); minl:=1000
  for i:=0;i<3000;i++ { at=at.Add(p.wait()); e:=p.step(at); n+=len(e.trades); ch+=len(e.changes)
   sp:=(p.book.asks[0].px-p.book.bids[0].px); if sp<=0 {t.Fatal("crossed")}; if sp>maxsp {maxsp=sp}; if len(p.book.asks)<minl{minl=len(p.book.asks)}; if len(p.book.bids)<minl{minl=len(p.book.bids)}
   f:=p.mid(at); if lo==0||f<lo{lo=f}; if f>hi{hi=f} }
  el:=at.Sub(v.start)
  fmt.Println(p.symbol, el.Round(time.Second), "trades/min", float64(n)/el.Minutes(), "chg/event", float64(ch)/3000, "levels", minl, len(p.book.bids),len(p.book.asks), "bid",fixedText(p.book.bids[0].px,p.pd),fixedText(p.book.bids[0].qty,p.qd),"ask",fixedText(p.book.asks[0].px,p.pd), "maxspread",fixedText(maxsp,p.pd), lo,hi)
  t0:=p.tape.day(at); fmt.Println("   day", fixedText(t0.o,p.pd),fixedText(t0.h,p.pd),fixedText(t0.l,p.pd),fixedText(t0.c,p.pd),"vol",fixedText(t0.vol,p.qd),t0.n, len(p.tape.bars), len(p.tape.trades))
 }}
})}
