set xlabel 'bytes of a node over the whole run (MiB)'
set ylabel 'share of nodes' offset 1
set yrange [0:1]
set xrange [0:*]
set key default
set key bottom right noenhanced samplen 2 spacing 1.15 textcolor '#303030'
plot for [i = 0:series - 1] data index i using 2:3 with steps linetype i + 1 title columnheader(1)
