/* Access links and what lies between them. A packet costs one event for its way, a second one where it waits for a downlink. */
#include "sim/ns3/stream.h"

#include <algorithm>
#include <cerrno>

using namespace ns3;

std::unique_ptr<Cloud> cloud;

namespace
{

constexpr uint64_t NS_PER_S = 1000000000;
constexpr uint32_t IP_HEAD_SIZE = 20, HEADS_SIZE = 40, TCP_FLAGS_AT = IP_HEAD_SIZE + 13;
constexpr uint32_t LINK_RAW = 101; /* LINKTYPE_RAW of pcap */
constexpr uint16_t IP_PACKET = 0x0800;

__extension__ typedef unsigned __int128 uint128;

uint16_t load_be16(const uint8_t *p)
{
    return uint16_t(p[0] << 8 | p[1]);
}

uint32_t load_be32(const uint8_t *p)
{
    return uint32_t(p[0]) << 24 | uint32_t(p[1]) << 16 | uint32_t(p[2]) << 8 | p[3];
}

bool opens(Ptr<const Packet> packet)
{
    uint8_t heads[HEADS_SIZE] = {0};

    packet->CopyData(heads, sizeof heads);
    return (heads[TCP_FLAGS_AT] & (TcpHeader::SYN | TcpHeader::ACK)) == TcpHeader::SYN;
}

/* All that leaves goes by the one card, all that comes is for this host: no tables to search. */
class OneWay : public Ipv4RoutingProtocol
{
  public:
    static TypeId GetTypeId()
    {
        static TypeId id = TypeId("ns3c::OneWay").SetParent<Ipv4RoutingProtocol>().AddConstructor<OneWay>();

        return id;
    }
    Ptr<Ipv4Route> RouteOutput(Ptr<Packet>, const Ipv4Header &, Ptr<NetDevice>, Socket::SocketErrno &error) override
    {
        error = Socket::ERROR_NOTERROR;
        return route;
    }
    bool RouteInput(Ptr<const Packet> packet, const Ipv4Header &header, Ptr<const NetDevice>, UnicastForwardCallback,
                    MulticastForwardCallback, LocalDeliverCallback deliver, ErrorCallback) override
    {
        deliver(packet, header, 1);
        return true;
    }
    void NotifyInterfaceUp(uint32_t) override {}
    void NotifyInterfaceDown(uint32_t) override {}
    void NotifyAddAddress(uint32_t, Ipv4InterfaceAddress) override {}
    void NotifyRemoveAddress(uint32_t, Ipv4InterfaceAddress) override {}
    void SetIpv4(Ptr<Ipv4>) override {}
    void PrintRoutingTable(Ptr<OutputStreamWrapper>, Time::Unit) const override {}

    Ptr<Ipv4Route> route;
};

class OneWayHelper : public Ipv4RoutingHelper
{
  public:
    OneWayHelper *Copy() const override
    {
        return new OneWayHelper(*this);
    }
    Ptr<Ipv4RoutingProtocol> Create(Ptr<Node>) const override
    {
        return CreateObject<OneWay>();
    }
};

} // namespace

/* ---- links ---- */

void Link::set(const ns3c_link &link)
{
    m_link = link;
}

bool Link::pass(uint64_t now, uint32_t size, uint64_t *through_ns)
{
    uint64_t start_ns = std::max(now, m_busy_until_ns);

    if (m_link.bps == 0) { /* nor does it overtake what waits since it had a limit */
        *through_ns = start_ns;
        return true;
    }
    if (uint128(start_ns - now) * m_link.bps / (8 * NS_PER_S) + size > m_link.queue_size)
        return false;
    m_busy_until_ns = start_ns + (uint64_t(size) * 8 * NS_PER_S + m_link.bps - 1) / m_link.bps;
    *through_ns = m_busy_until_ns;
    return true;
}

/* ---- a packet on its way ---- */

bool Access::Send(Ptr<Packet> packet, const Address &, uint16_t)
{
    uint8_t head[IP_HEAD_SIZE];
    uint32_t size = packet->GetSize(), to;
    uint64_t through_ns;

    packet->CopyData(head, sizeof head);
    to = load_be32(head + 16) - FIRST_ADDRESS;
    if (to >= cloud->hosts.size())
        return false;
    if (!up.pass(now_ns(), size, &through_ns)) {
        cloud->counts.dropped++;
        return false;
    }
    cloud->counts.packets++;
    cloud->counts.bytes += size;
    if (m_capture)
        m_capture->Write(Simulator::Now(), packet);
    leave(packet, to, through_ns);
    return true;
}

void Access::leave(Ptr<Packet> packet, uint32_t to, uint64_t through_ns)
{
    const ns3c_packet about = {host, to, packet->GetSize()};
    Access *far = PeekPointer(cloud->hosts[to]);
    ns3c_way way = {cloud->latency_ns[size_t(region) * cloud->config.region_count + far->region], NS3C_NONE, 0};
    uint64_t at_ns;

    if (cloud->config.path && !cloud->config.path(cloud->config.ctx, &about, &way)) {
        cloud->counts.lost++;
        return;
    }
    at_ns = through_ns + way.delay_ns;
    if (cloud->config.in_order) {
        uint64_t &last_ns = m_last_ns[to];

        last_ns = at_ns = std::max(at_ns, last_ns);
    }
    if (way.middle == NS3C_NONE)
        Simulator::ScheduleWithContext(to, NanoSeconds(at_ns - now_ns()), &Access::arrive, far, packet, host);
    else
        Simulator::ScheduleWithContext(to, NanoSeconds(at_ns - now_ns()), &Cloud::pass_middle, cloud.get(), packet, host,
                                       to, way);
}

void Cloud::pass_middle(Ptr<Packet> packet, uint32_t from, uint32_t to, ns3c_way way)
{
    uint64_t through_ns;

    if (middles[way.middle].pass(now_ns(), packet->GetSize(), &through_ns))
        Simulator::Schedule(NanoSeconds(through_ns + way.rest_ns - now_ns()), &Access::arrive, PeekPointer(hosts[to]),
                            packet, from);
    else
        counts.dropped++;
}

void Access::arrive(Ptr<Packet> packet, uint32_t from)
{
    uint64_t through_ns, now = now_ns();

    if (!down.pass(now, packet->GetSize(), &through_ns))
        cloud->counts.dropped++;
    else if (through_ns > now)
        Simulator::Schedule(NanoSeconds(through_ns - now), &Access::come_in, this, packet, from);
    else
        come_in(packet, from);
}

void Access::come_in(Ptr<Packet> packet, uint32_t from)
{
    const ns3c_packet about = {from, host, packet->GetSize()};

    if (cloud->config.arrives && !cloud->config.arrives(cloud->config.ctx, &about)) {
        cloud->counts.lost++;
        return;
    }
    if (unreachable && opens(packet))
        return;
    if (m_capture)
        m_capture->Write(Simulator::Now(), packet);
    hand_up(packet, from);
}

/* Segments of known connections take the short way; the rest, as SYNs and what nobody expects, is for ns-3 to sort out. */
void Access::hand_up(Ptr<Packet> packet, uint32_t from)
{
    uint8_t heads[HEADS_SIZE] = {0};
    std::unordered_map<uint64_t, ns3c_socket *>::iterator found;

    packet->CopyData(heads, sizeof heads);
    found = connections.find(connection_key(from, load_be16(heads + IP_HEAD_SIZE), load_be16(heads + IP_HEAD_SIZE + 2)));
    if (found == connections.end() || !found->second->deliver(packet))
        m_receive(this, packet, IP_PACKET, GetBroadcast());
}

/* ---- captures ---- */

int Access::capture(const char *path)
{
    if (!path)
        return end_capture();
    m_capture = CreateObjectWithAttributes<PcapFileWrapper>("NanosecMode", BooleanValue(true));
    errno = 0;
    m_capture->Open(path, std::ios::out | std::ios::trunc);
    if (m_capture->Fail()) {
        m_capture = nullptr;
        return errno ? errno : EIO;
    }
    m_capture->Init(LINK_RAW);
    return 0;
}

int Access::end_capture()
{
    bool failed = false;

    if (m_capture) {
        failed = m_capture->Fail();
        m_capture->Close();
        failed |= m_capture->Fail();
    }
    m_capture = nullptr;
    return failed ? EIO : 0;
}

/* ---- hosts ---- */

uint32_t Cloud::add(const ns3c_host &host)
{
    uint32_t index = uint32_t(hosts.size()), interface;
    Ipv4Address address(FIRST_ADDRESS + index);
    Ptr<Node> node = CreateObject<Node>();
    Ptr<Access> card = CreateObject<Access>();
    Ptr<Ipv4Route> route = Create<Ipv4Route>();
    InternetStackHelper stack;
    Ptr<Ipv4> ip;

    stack.SetIpv6StackInstall(false);
    stack.SetIpv4ArpJitter(false);
    stack.SetRoutingHelper(OneWayHelper());
    stack.Install(node);
    card->host = index;
    card->region = host.region;
    card->unreachable = host.unreachable;
    card->up.set(host.up);
    card->down.set(host.down);
    node->AddDevice(card);
    ip = node->GetObject<Ipv4>();
    interface = ip->AddInterface(card);
    ip->AddAddress(interface, Ipv4InterfaceAddress(address, Ipv4Mask("255.0.0.0")));
    ip->SetUp(interface);
    route->SetOutputDevice(card);
    route->SetSource(address);
    route->SetGateway(Ipv4Address(FIRST_ADDRESS - 1)); /* ns-3 wants one; cards look at the destination only */
    DynamicCast<OneWay>(ip->GetRoutingProtocol())->route = route;
    nodes.push_back(node);
    hosts.push_back(card);
    return index;
}

/* ---- what ns-3 asks of a card ---- */

TypeId Access::GetTypeId()
{
    static TypeId id = TypeId("ns3c::Access").SetParent<NetDevice>().AddConstructor<Access>();

    return id;
}

bool Access::SendFrom(Ptr<Packet> packet, const Address &, const Address &to, uint16_t protocol)
{
    return Send(packet, to, protocol);
}

void Access::SetIfIndex(uint32_t index)
{
    m_index = index;
}

uint32_t Access::GetIfIndex() const
{
    return m_index;
}

Ptr<Channel> Access::GetChannel() const
{
    return nullptr;
}

void Access::SetAddress(Address) {}

/* Addresses of cards are never looked at: all have the same. */
Address Access::GetAddress() const
{
    return Mac48Address("02:00:00:00:00:01");
}

bool Access::SetMtu(uint16_t)
{
    return false;
}

uint16_t Access::GetMtu() const
{
    return UINT16_MAX; /* the MSS decides, nothing is fragmented */
}

bool Access::IsLinkUp() const
{
    return true;
}

void Access::AddLinkChangeCallback(Callback<void>) {}

bool Access::IsBroadcast() const
{
    return false;
}

Address Access::GetBroadcast() const
{
    static const Address nobody = Mac48Address::GetBroadcast();

    return nobody;
}

bool Access::IsMulticast() const
{
    return false;
}

Address Access::GetMulticast(Ipv4Address) const
{
    return GetBroadcast();
}

Address Access::GetMulticast(Ipv6Address) const
{
    return GetBroadcast();
}

bool Access::IsBridge() const
{
    return false;
}

bool Access::IsPointToPoint() const
{
    return true;
}

Ptr<Node> Access::GetNode() const
{
    return m_node;
}

void Access::SetNode(Ptr<Node> node)
{
    m_node = node;
}

bool Access::NeedsArp() const
{
    return false;
}

void Access::SetReceiveCallback(ReceiveCallback callback)
{
    m_receive = callback;
}

void Access::SetPromiscReceiveCallback(PromiscReceiveCallback) {}

bool Access::SupportsSendFrom() const
{
    return true;
}
