# Left: all of it. Right: the tail, where 0.01 means that one delivery in a hundred took longer.
set multiplot
unset label 2
set label 1 title_text at screen 0.05, screen 0.955 left
set label 2 subtitle_text at screen 0.05, screen 0.905 left font ',11' textcolor '#707070' noenhanced
set xlabel 'publish to delivery (ms)'
set format x '%g'
set tmargin at screen 0.84
set bmargin at screen 0.13

set lmargin at screen 0.09
set rmargin at screen 0.51
set ylabel 'share of deliveries' offset 1
set yrange [0:1]
set xrange [0:*]
set xtics autofreq
set xtics rotate by 0
set key bottom right noreverse Right
plot for [i = 0:series - 1] data index i using 2:3 with lines linetype i + 1 title columnheader(1)

unset label 1
unset label 2
set lmargin at screen 0.62
set rmargin at screen 0.97
set ylabel 'share that takes longer' offset 0
set yrange [*:1]
set logscale y
set format y '10^{%T}'
unset key
plot for [i = 0:series - 1] data index i using 2:($4 > 1e-9 ? $4 : NaN) with steps linetype i + 1 title columnheader(1)
unset multiplot
