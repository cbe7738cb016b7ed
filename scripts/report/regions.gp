set ylabel 'publish to delivery (ms)' offset 1
set yrange [0:*]
set xrange [-0.6:rows - 0.4]
set xtics rotate by (rows > 6 ? -30 : 0) noenhanced
set grid noxtics
set boxwidth 0.45
set style fill solid 0.35 border linecolor '#0072b2'
plot data using 0:3:2:6:5:xticlabels(1) with candlesticks linetype 1 linewidth 1.4 title 'quartiles; whiskers 1 % to 99 %' whiskerbars 0.5, \
     data using 0:4:4:4:4 with candlesticks linetype 7 linewidth 2 notitle, \
     data using 0:7 with points linetype 2 pointsize 0.8 title 'slowest'
