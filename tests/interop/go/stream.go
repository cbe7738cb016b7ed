// Streams of our own: echo, sink and source, with the asking and the answering side of each.
//
//	echo    gives back what it reads, until the end
//	sink    reads to the end, then answers with the number of bytes (8 bytes, big endian)
//	source  reads that number (8 bytes, big endian), then sends so many bytes and the end
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	echoProtocol   = protocol.ID("/hearsay/echo/1.0.0")
	sinkProtocol   = protocol.ID("/hearsay/sink/1.0.0")
	sourceProtocol = protocol.ID("/hearsay/source/1.0.0")
	streamTimeout  = 150 * time.Second
	chunkSize      = 64 << 10
)

// fillPattern writes bytes that depend on the seed and the position.
func fillPattern(out []byte, seed int64) {
	x := uint64(seed)*2654435761 + 1
	for i := range out {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		out[i] = byte(x)
	}
}

// pauser reads slowly: it sleeps after each MiB.
type pauser struct {
	r       io.Reader
	pause   time.Duration
	counted int64
}

func (p *pauser) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	before := p.counted >> 20
	p.counted += int64(n)
	if p.pause > 0 && p.counted>>20 != before {
		time.Sleep(p.pause)
	}
	return n, err
}

func writeMany(w io.Writer, size int64) error {
	chunk := make([]byte, chunkSize)
	fillPattern(chunk, size)
	for size > 0 {
		part := min(size, chunkSize)
		if _, err := w.Write(chunk[:part]); err != nil {
			return err
		}
		size -= part
	}
	return nil
}

func (n *node) serveStreams() {
	n.host.SetStreamHandler(echoProtocol, func(s network.Stream) {
		s.SetDeadline(time.Now().Add(streamTimeout))
		if _, err := io.Copy(s, s); err != nil {
			say(object{"ev": "stream-error", "protocol": echoProtocol, "error": err.Error()})
			s.Reset()
			return
		}
		s.Close()
	})
	pause := time.Duration(n.settings.sinkPauseMs) * time.Millisecond
	n.host.SetStreamHandler(sinkProtocol, func(s network.Stream) {
		s.SetDeadline(time.Now().Add(streamTimeout))
		count, err := io.Copy(io.Discard, &pauser{r: s, pause: pause})
		say(object{"ev": "sunk", "peer": s.Conn().RemotePeer().String(), "bytes": count})
		if err == nil {
			err = binary.Write(s, binary.BigEndian, uint64(count))
		}
		if err != nil {
			s.Reset()
			return
		}
		s.Close()
	})
	n.host.SetStreamHandler(sourceProtocol, func(s network.Stream) {
		s.SetDeadline(time.Now().Add(streamTimeout))
		var size uint64
		err := binary.Read(s, binary.BigEndian, &size)
		if err == nil {
			err = writeMany(s, int64(size))
		}
		if err != nil {
			s.Reset()
			return
		}
		s.Close()
	})
}

func (n *node) open(c command, id protocol.ID) (network.Stream, error) {
	to, err := peer.Decode(c.Peer)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(n.ctx, dialTimeout)
	defer cancel()
	s, err := n.host.NewStream(ctx, to, id)
	if err != nil {
		return nil, err
	}
	s.SetDeadline(time.Now().Add(streamTimeout))
	return s, nil
}

func speed(bytes int64, since time.Time) object {
	seconds := time.Since(since).Seconds()
	return object{"bytes": bytes, "seconds": seconds, "mb_per_s": float64(bytes) / 1e6 / seconds}
}

// put sends Size bytes to the peer's sink and checks what that counted.
func (n *node) put(c command) (object, error) {
	s, err := n.open(c, sinkProtocol)
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	start := time.Now()
	if err = writeMany(s, c.Size); err != nil {
		return nil, err
	}
	if err = s.CloseWrite(); err != nil {
		return nil, err
	}
	var counted uint64
	if err = binary.Read(s, binary.BigEndian, &counted); err != nil {
		return nil, err
	}
	if counted != uint64(c.Size) {
		return nil, fmt.Errorf("the sink counted %d of %d bytes", counted, c.Size)
	}
	return speed(c.Size, start), nil
}

// get reads Size bytes from the peer's source, slowly if asked to.
func (n *node) get(c command) (object, error) {
	s, err := n.open(c, sourceProtocol)
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	start := time.Now()
	if err = binary.Write(s, binary.BigEndian, uint64(c.Size)); err != nil {
		return nil, err
	}
	if err = s.CloseWrite(); err != nil {
		return nil, err
	}
	pause := time.Duration(c.PauseMs) * time.Millisecond
	count, err := io.Copy(io.Discard, &pauser{r: s, pause: pause})
	if err != nil {
		return nil, err
	}
	if count != c.Size {
		return nil, fmt.Errorf("the source sent %d of %d bytes", count, c.Size)
	}
	return speed(count, start), nil
}

// echo opens Count streams at once and compares what comes back on each.
func (n *node) echo(c command) (object, error) {
	count := max(c.Count, 1)
	id := echoProtocol
	if c.Protocol != "" { // another name of it
		id = protocol.ID(c.Protocol)
	}
	streams := make([]network.Stream, 0, count)
	defer func() {
		for _, s := range streams {
			s.Reset()
		}
	}()
	for i := 0; i < count; i++ {
		s, err := n.open(c, id)
		if err != nil {
			return nil, fmt.Errorf("stream %d: %w", i, err)
		}
		streams = append(streams, s)
	}
	errs := make(chan error, count)
	for i, s := range streams {
		go func() { errs <- echoOnce(s, c.Size, int64(i)) }()
	}
	var err error
	for range streams {
		err = errors.Join(err, <-errs)
	}
	return object{"streams": count}, err
}

func echoOnce(s network.Stream, size, seed int64) error {
	sent := make([]byte, size)
	fillPattern(sent, seed)
	written := make(chan error, 1)
	go func() {
		_, err := s.Write(sent)
		written <- errors.Join(err, s.CloseWrite())
	}()
	got, err := io.ReadAll(s)
	if err = errors.Join(err, <-written); err != nil {
		return err
	}
	if string(got) != string(sent) {
		return fmt.Errorf("the echo of %d bytes differs (%d came back)", len(sent), len(got))
	}
	return nil
}

// halfClose ends its own side first and reads the answer after it.
func (n *node) halfClose(c command) (object, error) {
	s, err := n.open(c, echoProtocol)
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	if _, err = s.Write([]byte("before")); err != nil {
		return nil, err
	}
	if err = s.CloseWrite(); err != nil {
		return nil, err
	}
	got, err := io.ReadAll(s)
	if err != nil {
		return nil, err
	}
	if string(got) != "before" {
		return nil, fmt.Errorf("got %q after the half-close", got)
	}
	return object{}, nil
}

// reset aborts a stream in the middle; the connection must stay usable.
func (n *node) reset(c command) (object, error) {
	s, err := n.open(c, echoProtocol)
	if err != nil {
		return nil, err
	}
	s.Write(make([]byte, 1000))
	if _, err = io.ReadFull(s, make([]byte, 1000)); err != nil {
		return nil, err
	}
	if err = s.Reset(); err != nil {
		return nil, err
	}
	return object{}, echoAfterReset(n, c)
}

func echoAfterReset(n *node, c command) error {
	s, err := n.open(c, echoProtocol)
	if err != nil {
		return err
	}
	defer s.Reset()
	return echoOnce(s, 1000, 1)
}
