set xlabel 'hops from the publisher'
set ylabel 'share of deliveries (%)' offset 1
set yrange [0:*]
set boxwidth 0.8
set style fill solid 0.75 noborder
set grid noxtics
unset key
stats data using 1 nooutput
set xrange [STATS_min - 0.7:STATS_max + 0.7]
set xtics 1
if (STATS_max > 20) set xtics autofreq
plot data using 1:3 with boxes linetype 3
