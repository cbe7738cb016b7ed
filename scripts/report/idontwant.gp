set xlabel 'copies not sent because of IDONTWANT (% of what a node would have sent)'
set ylabel 'share of nodes' offset 1
set yrange [0:1]
set xrange [0:*]
unset key
plot data using 1:2 with steps linetype 1
