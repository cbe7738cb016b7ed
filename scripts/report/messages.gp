set xlabel 'published at (s of simulated time)'
set ylabel 'time to reach them (ms)' offset 1
set yrange [0:*]
set xrange [0:duration_s]
plot for [i = 0:series - 1] data index i using 2:3 with points linetype i + 1 pointsize 0.6 title columnheader(1)
