// Reads a trace of `hearsay export --pubsub-trace` with go-libp2p-pubsub's own types: the file of lengths and protobufs, and
// the one of JSON lines, which have to say the same. Prints how many events of each type there are, as JSON.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"
)

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func open(path string) *os.File {
	file, err := os.Open(path)
	if err != nil {
		fail(err)
	}
	return file
}

// check looks at what a reader of traces relies on: who tells, about whom, and when.
func check(event *pb.TraceEvent, before int64) error {
	if _, err := peer.IDFromBytes(event.GetPeerID()); err != nil {
		return fmt.Errorf("peerID: %w", err)
	}
	if event.GetTimestamp() < before {
		return fmt.Errorf("an event at %d after one at %d", event.GetTimestamp(), before)
	}
	if unknown := event.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		return fmt.Errorf("unknown fields: %x", unknown)
	}
	if from := event.GetDeliverMessage().GetReceivedFrom(); from != nil {
		if _, err := peer.IDFromBytes(from); err != nil {
			return fmt.Errorf("receivedFrom: %w", err)
		}
	}
	return nil
}

// same compares with the JSON line: both become protobuf again.
func same(event *pb.TraceEvent, lines *bufio.Reader) error {
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("a line is missing: %w", err)
	}
	var twin pb.TraceEvent
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&twin); err != nil {
		return fmt.Errorf("%s: %w", line, err)
	}
	if !proto.Equal(event, &twin) {
		return fmt.Errorf("the line says something else: %s", line)
	}
	return nil
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: trace FILE.pb FILE.json"))
	}
	reader := bufio.NewReader(open(os.Args[1]))
	lines := bufio.NewReader(open(os.Args[2]))
	counts := map[string]int{}
	var before int64
	for {
		var event pb.TraceEvent
		err := protodelim.UnmarshalFrom(reader, &event)
		if err == io.EOF {
			break
		}
		if err == nil {
			err = check(&event, before)
		}
		if err == nil {
			err = same(&event, lines)
		}
		if err != nil {
			fail(err)
		}
		before = event.GetTimestamp()
		counts[event.GetType().String()]++
	}
	if _, err := lines.ReadByte(); err != io.EOF {
		fail(fmt.Errorf("more lines than events"))
	}
	json.NewEncoder(os.Stdout).Encode(counts)
}
