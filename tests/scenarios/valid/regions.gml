# as Shadow writes them
Creator "a test"
graph [
  directed 1
  node [ id 10 label "north" host_bandwidth_up "100 Mbit" host_bandwidth_down "1 Gbit" weight 3 ]
  node [ id 20 label "south" ip_address "10.0.0.1" ]
  edge [ source 10 target 10 latency "1 ms" packet_loss 0.0 ]
  edge [ source 10 target 20 latency "30 ms" packet_loss 0.0 jitter "0 ms" ]
  edge [ source 20 target 10 latency "35 ms" ]
  edge [ source 20 target 20 latency "2 ms" ]
]
