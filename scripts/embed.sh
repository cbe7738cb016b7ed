#!/bin/sh
# Writes a C file that holds the text of the files named: a program that is copied elsewhere still has its SQL and plots.
# usage: embed.sh FILE... >embedded.c
set -e
echo '#include "sim/record/embedded.h"'
number=0
for file in "$@"; do
    echo "static const unsigned char text_$number[] = {"
    od -An -v -tx1 "$file" | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo "0};"
    number=$((number + 1))
done
echo "const struct embedded_file embedded_files[] = {"
number=0
for file in "$@"; do
    echo "    {\"$file\", text_$number},"
    number=$((number + 1))
done
echo "};"
echo "const size_t embedded_file_count = $number;"
