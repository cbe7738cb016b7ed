set xlabel 'simulated time (s)'
set ylabel 'control items sent a second, all nodes' offset 0
stats data using 3 nooutput
set yrange [STATS_min / 2:STATS_max * 2]
set logscale y
set format y '10^{%T}'
set xrange [0:duration_s]
plot for [i = 0:series - 1] data index i using 2:3 with linespoints linetype i + 1 pointsize 0.4 title columnheader(1)
