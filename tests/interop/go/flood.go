// Floods, as ../../../sim/live/flood.h describes them: one peer publishes, another counts and publishes its count.
package main

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
)

const (
	floodStep     = 64
	floodPatience = 5 * time.Second
	quietQueue    = 4096 // messages in any queue of a quiet peer
)

func answersOf(topic string) string { return topic + "/acknowledged" }

func (g *gossip) subscription(name string) (*pubsub.Topic, *pubsub.Subscription, error) {
	t, err := g.topic(name)
	if err != nil {
		return nil, nil, err
	}
	sub, err := t.Subscribe(pubsub.WithBufferSize(quietQueue))
	return t, sub, err
}

// acknowledge counts the messages of the floods of a topic, for ever.
func (g *gossip) acknowledge(name string) error {
	answers, err := g.topic(answersOf(name))
	if err != nil {
		return err
	}
	_, sub, err := g.subscription(name)
	if err != nil {
		return err
	}
	go func() {
		var flood, count uint64
		for {
			m, err := sub.Next(g.node.ctx)
			if err != nil {
				return
			}
			if m.ReceivedFrom == g.node.host.ID() || len(m.Data) < 16 {
				continue
			}
			if id := binary.BigEndian.Uint64(m.Data); id != flood {
				flood, count = id, 0
			}
			count++
			if count%floodStep == 0 {
				answer := binary.BigEndian.AppendUint64(nil, flood)
				answers.Publish(g.node.ctx, binary.BigEndian.AppendUint64(answer, count))
			}
		}
	}()
	return nil
}

// progress is how far the other has come.
type progress struct {
	lock         sync.Mutex
	changed      *sync.Cond
	acknowledged uint64
	at           time.Time
	over         bool
}

func (p *progress) follow(g *gossip, sub *pubsub.Subscription, flood uint64) {
	for {
		m, err := sub.Next(g.node.ctx)
		if err != nil {
			return
		}
		if len(m.Data) != 16 || binary.BigEndian.Uint64(m.Data) != flood {
			continue
		}
		p.lock.Lock()
		p.acknowledged = max(p.acknowledged, binary.BigEndian.Uint64(m.Data[8:]))
		p.at = time.Now()
		p.changed.Broadcast()
		p.lock.Unlock()
	}
}

// watch gives up when no acknowledgement has come for a while.
func (p *progress) watch() {
	for range time.Tick(floodPatience / 10) {
		p.lock.Lock()
		p.over = p.over || time.Since(p.at) > floodPatience
		over := p.over
		p.changed.Broadcast()
		p.lock.Unlock()
		if over {
			return
		}
	}
}

// await waits until `wanted` messages were acknowledged.
func (p *progress) await(wanted uint64) error {
	p.lock.Lock()
	defer p.lock.Unlock()
	for p.acknowledged < wanted && !p.over {
		p.changed.Wait()
	}
	if p.acknowledged < wanted {
		return errors.New("no acknowledgement")
	}
	return nil
}

func (g *gossip) flood(c command) (object, error) {
	t, err := g.topic(c.Topic)
	if err != nil {
		return nil, err
	}
	_, sub, err := g.subscription(answersOf(c.Topic))
	if err != nil {
		return nil, err
	}
	defer sub.Cancel()
	flood := uint64(time.Now().UnixNano())
	p := &progress{at: time.Now()}
	p.changed = sync.NewCond(&p.lock)
	go p.follow(g, sub, flood)
	go p.watch()
	start := time.Now()
	limit := time.Duration(c.Ms) * time.Millisecond
	sent := uint64(0)
	for time.Since(start) < limit || sent%floodStep != 0 {
		if sent >= c.Window {
			if err = p.await(sent - c.Window + 1); err != nil {
				return nil, err
			}
		}
		body := make([]byte, c.Size)
		binary.BigEndian.PutUint64(body, flood)
		binary.BigEndian.PutUint64(body[8:], sent+1)
		if err = t.Publish(g.node.ctx, body); err != nil {
			return nil, err
		}
		sent++
	}
	if err = p.await(sent); err != nil {
		return nil, err
	}
	seconds := time.Since(start).Seconds()
	p.lock.Lock()
	p.over = true
	p.lock.Unlock()
	return object{"messages": sent, "seconds": seconds, "messages_per_s": float64(sent) / seconds}, nil
}
