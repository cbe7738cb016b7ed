set xlabel 'further copies that a node got of a message'
set ylabel 'share of deliveries (%)' offset 1
set yrange [0:*]
set boxwidth 0.8
set style fill solid 0.75 noborder
set grid noxtics
unset key
stats data using 1 nooutput
set xrange [STATS_min - 0.7:STATS_max + 0.7]
plot data using 1:3 with boxes linetype 1
