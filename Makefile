# Hearsay. `make help` lists the targets.

CC ?= gcc
BUILD ?= build
OPT ?= -O2
SANITIZE ?=
JOBS ?= $(shell nproc)
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
       -Wvla -Wcast-qual -Wswitch-enum -Wundef -Wformat=2 -Werror
# No contraction: floating point must give the same bits with every compiler.
# The program is linked as one unit, which is worth a fifth of its speed; the tests are not, so that
# they link quickly. Only gcc's objects can be both.
GCC = $(shell $(CC) --version 2>/dev/null | grep -q 'Free Software' && echo yes)
LTO := $(if $(SANITIZE),,$(if $(GCC),-flto=auto -ffat-lto-objects))
# Two builds in one place: one that counts what runs, one that is laid out by the counts (see `release`). What the training did
# not reach is optimised as always. Their warnings are those of code that only such a build has: the ordinary one shows what counts.
PROFILE ?=
LTO += $(if $(GCC),$(if $(filter generate,$(PROFILE)),-fprofile-generate -fprofile-update=prefer-atomic -w))
LTO += $(if $(GCC),$(if $(filter use,$(PROFILE)),-fprofile-use -fprofile-partial-training -w))
NO_LTO := $(if $(strip $(LTO)),-fno-lto)
CFLAGS = -std=c11 -I. -g $(OPT) $(LTO) -ffp-contract=off -fno-strict-aliasing -D_GNU_SOURCE \
         -MMD -MP $(WARN) $(SANITIZE)
# What runs for every packet is worth a twentieth more, and twelve seconds of compiling.
$(BUILD)/obj/stack/% $(BUILD)/obj/sim/des/% $(BUILD)/obj/sim/tcp/% $(BUILD)/obj/sim/record/%: CFLAGS += $(if $(filter -O2,$(OPT)),-O3)
LDFLAGS = $(SANITIZE)
LIBS_STACK = -lsodium -lcrypto
LIBS = -lfyaml -ligraph -ljansson -lsqlite3 -lsodium -lcrypto -lm -lpthread

STACK = $(wildcard stack/*/*.c)
SIM = $(filter-out sim/cli/main.c,$(wildcard sim/*/*.c))
TESTLIB = $(wildcard tests/lib/*.c)
EMBED = $(sort $(wildcard sim/record/*.sql scripts/report/*.sql scripts/report/*.gp))
BENCHES = $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/bench_*.c))
NS3_HEADERS = $(wildcard /usr/include/ns3/core-module.h)
NS3_FLOOD = $(if $(NS3_HEADERS),$(BUILD)/bench/ns3-flood)
NS3_PLUGIN = $(if $(NS3_HEADERS),$(BUILD)/hearsay-ns3.so)
NS3_PINGPONG = $(if $(NS3_HEADERS),$(BUILD)/ns3-pingpong)
# Not what pkg-config says: that names libraries which libns3-dev does not bring.
NS3_LIBS = -lns3-internet -lns3-traffic-control -lns3-network -lns3-core
FUZZ = $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
UNITS = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
POSIX = $(patsubst tests/posix/%.c,$(BUILD)/posix/%,$(wildcard tests/posix/*.c))
object = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

V ?= 0
ifeq ($(V),0)
Q = @
say = @echo "  $(1)" $(2)
endif

.PHONY: all architecture bench flight bench-sockets clean cli compilers demo evaluation fidelity fuzz fuzzers help interop live ns3 parity realtime release replay sanitize scale suite swarm test unit

## make             build build/hearsay
all: $(BUILD)/hearsay $(NS3_PLUGIN)

## make release     build/release/hearsay: the same program, laid out by a profile of itself (gcc; with others a plain build); 2 minutes, several percent faster
RELEASE = $(BUILD)/release
release: $(RELEASE)/hearsay
# Made beside its place, so that what an interrupted training leaves is never taken for the program.
$(RELEASE)/hearsay: $(SIM) $(STACK) sim/cli/main.c $(wildcard sim/*/*.h stack/*/*.h) $(EMBED) $(BUILD)/gen/version scripts/train.sh Makefile $(NS3_PLUGIN)
	$(call say,PROFILE,$@)
	$(Q)rm -rf $(RELEASE).new
	$(Q)$(MAKE) -j$(JOBS) BUILD=$(RELEASE).new PROFILE=generate $(RELEASE).new/hearsay >/dev/null
	$(Q)scripts/train.sh $(RELEASE).new/hearsay $(RELEASE).new/training
	$(Q)find $(RELEASE).new -name '*.[oa]' -delete
	$(Q)rm $(RELEASE).new/hearsay
	$(Q)$(MAKE) -j$(JOBS) BUILD=$(RELEASE).new PROFILE=use $(RELEASE).new/hearsay >/dev/null
	$(Q)$(if $(NS3_PLUGIN),ln -s ../hearsay-ns3.so $(RELEASE).new)
	$(Q)rm -rf $(RELEASE) && mv $(RELEASE).new $(RELEASE)

## make demo        set the machine up, build, run the demo scenario, draw its plots (results/demo)
demo:
	scripts/setup.sh
	$(MAKE) -j$(JOBS) all
	$(BUILD)/hearsay run scenarios/demo.yaml --out results/demo
	$(BUILD)/hearsay report results/demo >results/demo/report.txt
	@echo "plots are in results/demo/plots, the full report in results/demo/report.txt"

## make test        set the machine up for tests, run all of them
test:
	scripts/setup.sh --tests
	$(MAKE) -j$(JOBS) all $(UNITS) $(FUZZ:%=$(BUILD)/replay/%)
	$(MAKE) unit replay architecture cli live
	$(MAKE) swarm
	$(MAKE) swarm PLANTED=1

help:
	@sed -n 's/^## //p' Makefile

.PRECIOUS: $(BUILD)/obj/%.o # objects are kept

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC     ,$<)
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

# Made anew when git's word for this tree changes: a result must not carry the name of an older build.
$(BUILD)/gen/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
FORCE:
$(BUILD)/obj/sim/run/version.o: $(BUILD)/gen/version
$(BUILD)/obj/sim/run/version.o: CFLAGS += -DHEARSAY_VERSION='"$(VERSION)"'

$(BUILD)/libstack.a: $(call object,$(STACK))
	$(call say,AR     ,$@)
	$(Q)mkdir -p $(@D); rm -f $@; ar rcs $@ $^

# The schema and the figures travel inside the program.
$(BUILD)/gen/embedded.c: $(EMBED) scripts/embed.sh
	@mkdir -p $(@D)
	$(call say,EMBED  ,$@)
	$(Q)scripts/embed.sh $(EMBED) >$@.new && mv $@.new $@

$(BUILD)/obj/gen/embedded.o: $(BUILD)/gen/embedded.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

$(BUILD)/libsim.a: $(call object,$(SIM)) $(BUILD)/obj/gen/embedded.o
	$(call say,AR     ,$@)
	$(Q)mkdir -p $(@D); rm -f $@; ar rcs $@ $^

$(BUILD)/hearsay: $(call object,sim/cli/main.c) $(BUILD)/libsim.a $(BUILD)/libstack.a
	$(call say,LD     ,$@)
	$(Q)$(CC) $(OPT) $(LTO) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(call object,$(TESTLIB)) $(BUILD)/libsim.a $(BUILD)/libstack.a
	@mkdir -p $(@D)
	$(call say,LD     ,$@)
	$(Q)$(CC) $(NO_LTO) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka $(LIBS)

$(BUILD)/tests/test_fidelity: $(call object,$(patsubst %,tests/fidelity/%.c,cell exchange grid model table))

# The part that needs ns-3 and C++ (sim/ns3), which the program loads when it is asked for.
CXXFLAGS = -std=c++17 -I. -g $(OPT) -fPIC -fvisibility=hidden -ffp-contract=off -MMD -MP -Wall -Wextra -Wpedantic -Wshadow -Werror
$(BUILD)/obj/%.o: %.cc
	@mkdir -p $(@D)
	$(call say,CXX    ,$<)
	$(Q)$(CXX) $(CXXFLAGS) -c -o $@ $<

$(BUILD)/hearsay-ns3.so: $(patsubst %.cc,$(BUILD)/obj/%.o,$(wildcard sim/ns3/*.cc))
	$(call say,LD     ,$@)
	$(Q)$(CXX) -shared -o $@ $^ $(NS3_LIBS)

# A program in C on top of it.
$(BUILD)/ns3-pingpong: $(BUILD)/obj/tests/ns3/pingpong.o $(BUILD)/hearsay-ns3.so
	$(call say,LD     ,$@)
	$(Q)$(CC) $(NO_LTO) $(LDFLAGS) -o $@ $^ -Wl,-rpath,'$$ORIGIN'

## make ns3         build the plug-in of --backend ns3 (make does where libns3-dev is installed)
ns3:
	$(Q)$(if $(NS3_HEADERS),$(MAKE) $(BUILD)/hearsay-ns3.so,echo "make ns3: ns-3 is missing; as root: apt-get install -y --no-install-recommends libns3-dev g++" >&2; exit 1)

# Tests that count memory: every allocation goes through tests/lib/meter.c.
comma = ,
METER_LDFLAGS = -Wl$(comma)-u$(comma)mem_realloc $(foreach f,alloc zalloc realloc grow strdup free,-Wl$(comma)--wrap=mem_$(f))
$(BUILD)/tests/test_hostile_% $(BUILD)/tests/test_event: LDFLAGS += $(METER_LDFLAGS)

# The swarm test: scenarios drawn from seeds, under checks.
$(BUILD)/swarm: LDFLAGS += $(METER_LDFLAGS)
$(BUILD)/swarm: $(call object,$(wildcard tests/swarm/*.c) tests/lib/meter.c) $(BUILD)/libsim.a $(BUILD)/libstack.a
	$(call say,LD     ,$@)
	$(Q)$(CC) $(NO_LTO) $(LDFLAGS) -o $@ $^ $(LIBS)

## make swarm       drawn scenarios under checks: SEEDS=n from FROM (1) on, or one with SEED=n; PLANTED=1 checks the checks
SEEDS ?= 40
FROM ?= 1
swarm: $(BUILD)/swarm
	$(Q)$(BUILD)/swarm --out $(BUILD)/swarm-failed \
	  $(if $(SEED),--seed $(SEED),$(if $(PLANTED),--self-test,--seeds $(SEEDS) --from $(FROM)))

# A fuzz target is linked to a main of its own (replay), or to libFuzzer's.
$(BUILD)/replay/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/replay.o $(call object,$(TESTLIB)) \
                   $(BUILD)/libsim.a $(BUILD)/libstack.a
	@mkdir -p $(@D)
	$(call say,LD     ,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

$(BUILD)/fuzzers/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(call object,$(TESTLIB)) $(BUILD)/libsim.a $(BUILD)/libstack.a
	@mkdir -p $(@D)
	$(call say,LD     ,$@)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ -lcmocka $(LIBS)

# The flood is compared with another simulator: like the program, it is linked as one unit.
$(BUILD)/bench/bench_flood: NO_LTO = $(OPT) $(LTO)
$(BUILD)/bench/ns3-flood: tests/bench/ns3/flood.cc tests/bench/flood_plan.h
	@mkdir -p $(@D)
	$(call say,CXX    ,$@)
	$(Q)$(CXX) -std=c++17 -O2 -I. -Wall -Wextra -Wshadow -o $@ $< -lns3-internet -lns3-traffic-control -lns3-network -lns3-core

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(call object,$(TESTLIB)) $(BUILD)/libsim.a $(BUILD)/libstack.a
	@mkdir -p $(@D)
	$(call say,LD     ,$@)
	$(Q)$(CC) $(NO_LTO) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

# Programs for the hosts of a simulated world: ordinary ones, without a sanitizer.
$(BUILD)/posix/%: tests/posix/%.c
	@mkdir -p $(@D)
	$(call say,CC     ,$@)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 -fPIE -pie -Wall -Wextra -Wno-unused-result -o $@ $<

## make unit        build and run the unit tests (CC=, OPT=, SANITIZE=, BUILD= choose how)
unit: $(UNITS) $(NS3_PLUGIN) $(POSIX)
	$(Q)HEARSAY_POSIX=$(BUILD)/posix scripts/run-tests.sh $(UNITS)

## make live        test whole nodes talking on loopback
live: $(BUILD)/hearsay
	$(Q)python3 tests/live/live.py $(BUILD)/hearsay

## make evaluation the GossipSub v1.1 evaluation at full size (an hour), and other published figures: EVALUATION="--set ..."
evaluation: $(BUILD)/hearsay
	$(Q)$(BUILD)/hearsay check scenarios/validation/*.yaml --progress off
	$(Q)$(BUILD)/hearsay check scenarios/evaluation/*.yaml --threads $(JOBS) --progress off $(EVALUATION)

## make suite       experiments of libp2p's gossipsub-interop suite, simulated and as processes on loopback
suite: $(BUILD)/hearsay
	$(Q)python3 tests/suite/suite.py $(BUILD)/hearsay

## make replay      run the corpora of the fuzz targets (tests/fuzz/corpus)
replay: $(FUZZ:%=$(BUILD)/replay/%)
	$(Q)for name in $(FUZZ); do $(BUILD)/replay/$$name tests/fuzz/corpus/$$name || exit 1; done

## make fuzz        fuzz each target for SECONDS (30) with libFuzzer and sanitizers; FUZZ= chooses targets
SECONDS ?= 30
fuzzers: $(FUZZ:%=$(BUILD)/fuzzers/%)
fuzz:
	$(MAKE) BUILD=$(BUILD)/fuzz CC=clang OPT=-O1 FUZZ="$(FUZZ)" fuzzers \
	  SANITIZE="-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all -fno-omit-frame-pointer"
	$(Q)scripts/fuzz.sh $(BUILD)/fuzz $(SECONDS) $(FUZZ)

## make parity      the same scenarios on all backends: what is delivered, and when; LARGE=1: many unmodified programs
parity: $(BUILD)/hearsay $(NS3_PLUGIN)
	$(Q)python3 tests/parity/parity.py $(BUILD)/hearsay $(if $(LARGE),--large) $(PARITY)

## make interop     our node against go-libp2p and js-libp2p peers, on loopback (INTEROP="--size 256")
interop: $(BUILD)/hearsay
	$(Q)python3 tests/interop/check.py $(BUILD)/hearsay
	$(Q)python3 tests/interop/traces.py --hearsay $(BUILD)/hearsay --build $(BUILD)/interop
	$(Q)python3 tests/interop/run.py --hearsay $(BUILD)/hearsay --build $(BUILD)/interop $(INTEROP)

## make architecture check includes, symbols, sizes and READMEs (scripts/check-architecture.sh)
architecture: $(BUILD)/libstack.a $(BUILD)/libsim.a
	$(Q)scripts/check-architecture.sh $^

## make cli         tests of the program as its users run it (tests/cli)
cli: $(BUILD)/hearsay $(NS3_PLUGIN) $(NS3_PINGPONG) $(POSIX)
	$(Q)python3 tests/cli/run.py $(BUILD)/hearsay
	$(Q)python3 tests/cli/exec.py $(BUILD)/hearsay $(BUILD)/posix

## make sanitize    unit tests and scenarios under AddressSanitizer and UndefinedBehaviorSanitizer
SAN = BUILD=$(BUILD)/asan CC=clang OPT=-O1 \
      SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
sanitize:
	$(MAKE) -j$(JOBS) $(SAN) all
	$(MAKE) -j$(JOBS) $(SAN) unit
	$(MAKE) $(SAN) cli
	$(MAKE) $(SAN) swarm

## make compilers   gcc -O2 and clang -O0 give the same digest
compilers: $(BUILD)/hearsay
	$(MAKE) -j$(JOBS) BUILD=$(BUILD)/clang CC=clang OPT=-O0 all
	scripts/compare-builds.sh scenarios/demo.yaml $(BUILD)/hearsay $(BUILD)/clang/hearsay
	scripts/compare-builds.sh tests/scenarios/valid/links.yaml $(BUILD)/hearsay $(BUILD)/clang/hearsay

## make bench       deliveries a second, memory a node, a flood beside ns-3's, the micro-benchmarks (tests/bench)
bench: $(RELEASE)/hearsay $(BUILD)/hearsay $(BENCHES) $(NS3_FLOOD)
	$(Q)python3 scripts/bench.py $(RELEASE)/hearsay $(BUILD)/hearsay $(BUILD)/bench/bench_flood $(NS3_FLOOD)
	$(Q)for program in $(filter-out %/bench_flood,$(BENCHES)); do $$program || exit 1; done

## make scale       what a delivery costs from 1,000 to 100,000 nodes, with a figure (SCALE= chooses the numbers)
SCALE ?= 1000 3000 10000 30000 100000
scale: $(BUILD)/hearsay
	$(Q)python3 scripts/scale.py $(BUILD)/hearsay results/scale $(SCALE)

## make realtime    how fast large networks run on two threads, beside the clock
realtime: $(BUILD)/hearsay
	$(Q)python3 scripts/realtime.py $(BUILD)/hearsay

# The comparison of the simulator's TCP with the kernel's.
$(BUILD)/fidelity: $(call object,$(wildcard tests/fidelity/*.c)) $(call object,$(TESTLIB)) $(BUILD)/libsim.a $(BUILD)/libstack.a
	$(call say,LD     ,$@)
	$(Q)$(CC) $(LTO) $(OPT) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

## make fidelity    the simulator's TCP against the kernel's, in network namespaces (root; FULL=1: the whole grid)
fidelity: $(BUILD)/fidelity
	$(Q)$(BUILD)/fidelity $(if $(FULL),--full) --gossip tests/fidelity/gossip.yaml --tsv $(BUILD)/fidelity.tsv

## make bench-sockets our node beside go-libp2p and js-libp2p on real sockets: throughput, ratios (BENCH="--repeat 5")
bench-sockets: $(BUILD)/hearsay $(BUILD)/bench/bench_crypto
	$(Q)python3 tests/interop/speed.py --hearsay $(BUILD)/hearsay --crypto $(BUILD)/bench/bench_crypto --build $(BUILD)/interop $(BENCH)

## make flight      the flight model of TCP against the packet model: errors over a grid of transfers
flight: $(BUILD)/bench/bench_flight
	$(Q)$<

## make clean       remove the build folder
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
