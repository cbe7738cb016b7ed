/* The network below ns-3's IP (C++): access links, the latencies between them, and the hosts' stacks on top. One at a time. */
#ifndef SIM_NS3_CLOUD_H
#define SIM_NS3_CLOUD_H

#include "sim/ns3/ns3c.h"

#include <memory>
#include <ns3/core-module.h>
#include <ns3/internet-module.h>
#include <ns3/network-module.h>
#include <unordered_map>
#include <vector>

/* A FIFO server that is known by the time at which it falls idle: drop-tail by arithmetic, as in sim/des. */
class Link
{
  public:
    void set(const ns3c_link &link);
    /* Whether there is room; when, then the packet is through at *through_ns. */
    bool pass(uint64_t now_ns, uint32_t size, uint64_t *through_ns);

  private:
    ns3c_link m_link{};
    uint64_t m_busy_until_ns = 0;
};

/* A host's network card: every packet of its IP passes here. */
class Access : public ns3::NetDevice
{
  public:
    static ns3::TypeId GetTypeId();

    Link up, down;
    uint32_t host = 0, region = 0;
    bool unreachable = false;
    std::vector<ns3c_socket *> sockets; /* all that exist, each knows its place */
    /* Those with a far side, by connection_key. ns-3 would look through a list of all for each segment. */
    std::unordered_map<uint64_t, ns3c_socket *> connections;

    int capture(const char *path);
    int end_capture();
    void arrive(ns3::Ptr<ns3::Packet> packet, uint32_t from); /* at the downlink */

    bool Send(ns3::Ptr<ns3::Packet> packet, const ns3::Address &to, uint16_t protocol) override;
    bool SendFrom(ns3::Ptr<ns3::Packet> packet, const ns3::Address &from, const ns3::Address &to,
                  uint16_t protocol) override;
    void SetIfIndex(uint32_t index) override;
    uint32_t GetIfIndex() const override;
    ns3::Ptr<ns3::Channel> GetChannel() const override;
    void SetAddress(ns3::Address address) override;
    ns3::Address GetAddress() const override;
    bool SetMtu(uint16_t mtu) override;
    uint16_t GetMtu() const override;
    bool IsLinkUp() const override;
    void AddLinkChangeCallback(ns3::Callback<void> callback) override;
    bool IsBroadcast() const override;
    ns3::Address GetBroadcast() const override;
    bool IsMulticast() const override;
    ns3::Address GetMulticast(ns3::Ipv4Address group) const override;
    ns3::Address GetMulticast(ns3::Ipv6Address group) const override;
    bool IsBridge() const override;
    bool IsPointToPoint() const override;
    ns3::Ptr<ns3::Node> GetNode() const override;
    void SetNode(ns3::Ptr<ns3::Node> node) override;
    bool NeedsArp() const override;
    void SetReceiveCallback(ReceiveCallback callback) override;
    void SetPromiscReceiveCallback(PromiscReceiveCallback callback) override;
    bool SupportsSendFrom() const override;

  private:
    void leave(ns3::Ptr<ns3::Packet> packet, uint32_t to, uint64_t through_ns);
    void come_in(ns3::Ptr<ns3::Packet> packet, uint32_t from);
    void hand_up(ns3::Ptr<ns3::Packet> packet, uint32_t from);

    ns3::Ptr<ns3::Node> m_node;
    ns3::Ptr<ns3::PcapFileWrapper> m_capture;
    ReceiveCallback m_receive;
    uint32_t m_index = 0;
    std::unordered_map<uint32_t, uint64_t> m_last_ns; /* by host: the latest arrival of what was sent there (looked up only) */
};

/* The network that there is. */
struct Cloud {
    ns3c_config config;
    std::vector<uint64_t> latency_ns;
    std::vector<ns3::Ptr<ns3::Node>> nodes;
    std::vector<ns3::Ptr<Access>> hosts;
    std::vector<Link> middles;
    ns3c_counts counts{};
    uint64_t stops = 0; /* events of ns-3 that only end ns3c_run */

    uint32_t add(const ns3c_host &host);
    void pass_middle(ns3::Ptr<ns3::Packet> packet, uint32_t from, uint32_t to, ns3c_way way);
};

extern std::unique_ptr<Cloud> cloud;

static inline uint64_t connection_key(uint32_t far_host, uint16_t far_port, uint16_t port)
{
    return uint64_t(far_host) << 32 | uint32_t(far_port) << 16 | port;
}

constexpr uint32_t FIRST_ADDRESS = 0x0a000001; /* 10.0.0.1 */

static inline uint64_t now_ns()
{
    return uint64_t(ns3::Simulator::Now().GetNanoSeconds());
}

#endif
