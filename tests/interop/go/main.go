// A go-libp2p peer for the interoperability tests: settings as flags, commands as JSON lines on
// standard input, answers and events as JSON lines on standard output.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
)

type settings struct {
	seed, listen, idOrder     string
	sign, messageID, versions string
	flood, earlyMuxer, quiet  bool
	params                    listFlag
	genesis, algorandVersions string
	gossipService             bool
	sinkPauseMs, keepaliveMs  int
	score, partial            bool
	testExtension             bool
	validateMs                int
}

type listFlag []string

func (l *listFlag) String() string { return strings.Join(*l, ",") }

func (l *listFlag) Set(v string) error {
	*l = append(*l, v)
	return nil
}

// object is one JSON line.
type object map[string]any

var outputLock sync.Mutex

// say writes one line; lines of different goroutines do not mix.
func say(o object) {
	line, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	outputLock.Lock()
	defer outputLock.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

func fail(err error) {
	say(object{"ev": "fatal", "error": err.Error()})
	os.Exit(1)
}

func parseFlags() *settings {
	s := &settings{}
	flag.StringVar(&s.seed, "seed", "", "decimal number the key is made from; empty: a random key")
	flag.StringVar(&s.idOrder, "id-order", "", "low or high: a random key whose id sorts so")
	flag.StringVar(&s.listen, "listen", "/ip4/127.0.0.1/tcp/0", "multiaddr, or none")
	flag.StringVar(&s.sign, "sign", "strict", "strict, nosign (with author), anonymous")
	flag.StringVar(&s.messageID, "msgid", "default", "default, sha256, blake2b256, first8")
	flag.StringVar(&s.versions, "versions", "", "GossipSub versions: 1.3,1.2,1.1,1.0; empty: all")
	flag.BoolVar(&s.flood, "flood", false, "flood publish")
	flag.BoolVar(&s.quiet, "quiet", false, "for measuring: nothing is traced, queues are large")
	flag.BoolVar(&s.earlyMuxer, "early-muxer", true, "name the muxer inside the Noise handshake")
	flag.Var(&s.params, "set", "NAME=VALUE of a GossipSub parameter")
	flag.StringVar(&s.genesis, "algorand", "", "genesis id; empty: no /algorand-ws")
	flag.StringVar(&s.algorandVersions, "algorand-versions", "2.2.0,1.0.0", "in order")
	flag.BoolVar(&s.gossipService, "gossip-service", true, "serve inbound /algorand-ws")
	flag.IntVar(&s.sinkPauseMs, "sink-pause-ms", 0, "the sink sleeps so long after each MiB")
	flag.IntVar(&s.keepaliveMs, "keepalive-ms", 30_000, "silence before yamux pings")
	flag.BoolVar(&s.score, "score", false, "keep scores; see the command app")
	flag.BoolVar(&s.partial, "partial", false, "ask for partial messages in all topics")
	flag.BoolVar(&s.testExtension, "test-extension", false, "declare the test extension")
	flag.IntVar(&s.validateMs, "validate-ms", 0, "how long a validation takes")
	flag.Parse()
	return s
}

func versions() object {
	found := object{}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return found
	}
	found["go"] = info.GoVersion
	for _, m := range info.Deps {
		switch m.Path {
		case "github.com/libp2p/go-libp2p", "github.com/libp2p/go-libp2p-pubsub",
			"github.com/libp2p/go-yamux/v5":
			found[m.Path[len("github.com/libp2p/"):]] = m.Version
		}
	}
	return found
}

func main() {
	s := parseFlags()
	node, err := newNode(s)
	if err != nil {
		fail(err)
	}
	addrs := []string{}
	for _, a := range node.host.Addrs() {
		addrs = append(addrs, fmt.Sprintf("%s/p2p/%s", a, node.host.ID()))
	}
	say(object{"ev": "listening", "peer": node.host.ID().String(), "addrs": addrs,
		"versions": versions()})

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<16), 1<<24)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			say(object{"ev": "fatal", "error": err.Error()})
			continue
		}
		if c.Cmd == "quit" {
			break
		}
		go node.answer(c)
	}
	node.host.Close()
}
