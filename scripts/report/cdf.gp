# Left: all of it. Right: the tail, where 0.01 means that one delivery in a hundred took longer.
set multiplot
set xlabel 'publish to delivery (ms)'
set format x '%g'

set rmargin at screen 0.51
set ylabel 'share of deliveries' offset 1
set yrange [0:1]
set xrange [0:*]
set key default
set key bottom right noenhanced samplen 2 spacing 1.15 textcolor '#303030'
plot for [i = 0:series - 1] data index i using 2:3 with lines linetype i + 1 title columnheader(1)

# The right one is narrower: at most five steps, of 1, 2 or 5 times a power of ten.
least = GPVAL_X_MAX / 5.0
power = 10 ** floor(log10(least))
set xtics 0, power * (least <= power ? 1 : least <= 2 * power ? 2 : least <= 5 * power ? 5 : 10)
unset label 1
unset label 2
set lmargin at screen 0.62
set rmargin at screen 0.96
set ylabel 'share that takes longer' offset 0
set yrange [*:1]
set logscale y
set format y '10^{%T}'
unset key
plot for [i = 0:series - 1] data index i using 2:4 with lines linetype i + 1 title columnheader(1)
unset multiplot
