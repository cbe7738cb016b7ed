set xlabel 'simulated time (s)'
set ylabel 'score of a peer' offset 1
set xrange [0:duration_s]
set style fill transparent solid 0.2 noborder
plot for [i = 0:series - 1] data index i using 2:3:5 with filledcurves linetype i + 1 notitle, \
     for [i = 0:series - 1] data index i using 2:4 with lines linetype i + 1 title columnheader(1).', median and 5 % to 95 %'
