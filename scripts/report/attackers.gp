set xlabel 'simulated time (s)'
set ylabel 'share (%)' offset 1
set yrange [0:100]
set xrange [0:duration_s]
plot data using 1:2 with steps linetype 2 title 'mesh links that lead to adversaries', \
     data using 1:3 with steps linetype 7 title 'meshes of adversaries only'
