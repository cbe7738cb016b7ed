set xlabel 'simulated time (s)'
set ylabel 'control a node received (KiB/s)' offset 0
set lmargin at screen 0.15
stats data using ($3 > 0 ? $3 : NaN) nooutput
set yrange [STATS_min / 2:STATS_max * 2]
set logscale y
set format y '%g'
set xrange [0:duration_s]
plot for [i = 0:series - 1] data index i using 2:($3 > 0 ? $3 : NaN) with linespoints linetype i + 1 pointsize 0.4 title columnheader(1)
