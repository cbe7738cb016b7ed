set xlabel 'simulated time (s)'
set ylabel 'mesh peers of a node' offset 1
stats data using 6 nooutput
set yrange [0:1.1 * STATS_max + 1]
set xrange [0:duration_s]
set style fill solid 0.18 noborder
plot data using 1:2:6 with filledcurves linetype 8 title 'all nodes', \
     data using 1:3:5 with filledcurves linetype 1 fillstyle solid 0.3 title '5 % to 95 %', \
     data using 1:4 with lines linetype 1 title 'median', \
     data using 1:7 with lines linetype 2 dashtype 2 title 'mean'
