set xlabel 'published at (s of simulated time)'
set ylabel 'time to reach them (ms)' offset 1
set yrange [0:*]
set key outside right center noreverse Left
set rmargin 22
plot for [i = 0:series - 1] data index i using 2:3 with points linetype i + 1 pointsize 0.55 title columnheader(1)
