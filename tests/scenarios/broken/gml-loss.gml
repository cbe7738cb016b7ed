graph [
  directed 0
  node [ id 0 label "a" ] node [ id 1 label "b" ]
  edge [ source 0 target 0 latency "1 ms" ]
  edge [ source 0 target 1 latency "20 ms" packet_loss 1.01 ]
]
