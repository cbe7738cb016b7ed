#!/bin/sh
# Runs what a profile of the program should know: the whole stack over each TCP model, both protocols, a partition, small and short
# enough for a build that counts.
#
#     scripts/train.sh PROGRAM FOLDER
set -eu
program=$1
folder=$2
run() {
    "$program" run "$@" --progress off --out "$folder" >/dev/null
    rm -rf "$folder"
}
small="--set nodes.0.count=200 --set duration=8s --set traffic.0.stop=7s"
for tcp in flight packet ideal; do
    run tests/bench/gossip.yaml $small --set network.tcp=$tcp
done
run scenarios/demo.yaml
run scenarios/smoke/partition.yaml
