# Shared by all figures. To draw one again after editing: gnuplot NAME.gp, or gnuplot -e "format='png'" NAME.gp
if (!exists("format")) format = 'svg'
if (format eq 'svg') {
    set terminal svg size 900,560 dynamic enhanced font 'DejaVu Sans,13' background '#ffffff'
} else {
    if (strstrt(GPVAL_TERMINALS, 'pngcairo')) {
        set terminal pngcairo size 1350,840 enhanced font 'DejaVu Sans,13' fontscale 1.45 linewidth 1.5 background '#ffffff'
    } else {
        set terminal png size 1350,840 enhanced font 'DejaVu Sans,19' linewidth 1.5
    }
}
set output sprintf('%s.%s', figure, format)

set datafile missing '?'
set encoding utf8
set border 3 linecolor '#606060' linewidth 1
set tics nomirror out scale 0.6 textcolor '#404040'
set grid back linetype 1 linecolor '#e4e4e4' linewidth 0.8
set key at screen 0.96, screen 0.94 top right vertical maxrows 2 reverse Left samplen 2 spacing 1.1 noenhanced textcolor '#303030'
set lmargin at screen 0.1
set rmargin at screen 0.96
set tmargin at screen 0.84
set bmargin at screen 0.13
set label 1 title_text at screen 0.045, screen 0.955 left font ',16' textcolor '#202020' noenhanced
set label 2 subtitle_text at screen 0.045, screen 0.905 left font ',11' textcolor '#707070' noenhanced

# Okabe and Ito's colours: told apart with any kind of colour vision, and in grey.
set linetype 1 linecolor '#0072b2' linewidth 2.2 pointtype 7
set linetype 2 linecolor '#d55e00' linewidth 2.2 pointtype 5
set linetype 3 linecolor '#009e73' linewidth 2.2 pointtype 9
set linetype 4 linecolor '#cc79a7' linewidth 2.2 pointtype 13
set linetype 5 linecolor '#e69f00' linewidth 2.2 pointtype 11
set linetype 6 linecolor '#56b4e9' linewidth 2.2 pointtype 4
set linetype 7 linecolor '#000000' linewidth 2.2 pointtype 6
set linetype 8 linecolor '#999999' linewidth 2.2 pointtype 8
set linetype cycle 8
