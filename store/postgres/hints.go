package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// quiet is after how long without a hint the connection is asked whether it lives.
	quiet = 30 * time.Second
	// firstPause and lastPause bound the waiting between two attempts to connect.
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

func (s *Store) channel() string { return "assay_" + s.schema }

// Hints gives a channel that is poked after changes by any process, and after each time
// that hints may have been missed, until ctx or the Store ends. The channel is never
// closed. Each call has a connection of its own, which is made anew when it is lost.
func (s *Store) Hints(ctx context.Context) (<-chan struct{}, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := make(chan struct{}, 1)
	ctx, stop := context.WithCancel(ctx)
	unlink := context.AfterFunc(s.ctx, stop)
	s.tasks.Go(func() {
		defer stop()
		defer unlink()
		pause := firstPause
		for {
			err := s.listen(ctx, func() {
				pause = firstPause
				select {
				case c <- struct{}{}:
				default: // there is one already
				}
			})
			if ctx.Err() != nil {
				return
			}
			s.log.Warn("control store: no hints until PostgreSQL is reached again", "schema", s.schema, "error", s.discreet(err), "pause", pause)
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause/2 + rand.N(pause/2)): // processes do not all return at once
			}
			pause = min(2*pause, lastPause)
		}
	})
	return c, nil
}

// listen pokes once it listens, and for each notification, until something fails.
func (s *Store) listen(ctx context.Context, poke func()) error {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() {
		end, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer stop()
		_ = conn.Close(end)
	}()
	if _, err := conn.Exec(ctx, `LISTEN `+pgx.Identifier{s.channel()}.Sanitize()); err != nil {
		return err
	}
	poke()
	for {
		wait, stop := context.WithTimeout(ctx, quiet)
		_, err := conn.WaitForNotification(wait)
		stop()
		switch {
		case err == nil:
			poke()
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) && !conn.IsClosed():
			alive, stop := context.WithTimeout(ctx, quiet/6)
			err := conn.Ping(alive)
			stop()
			if err != nil {
				return err
			}
		default:
			return err
		}
	}
}
