/* The flood of tests/bench/flood_plan.h on ns-3's TCP: what bench_flood.c is on ours.
 *
 * Set up in ns-3's favour: one channel for the world instead of routers (an access link up, a delay, an access link down:
 * the fewest events a packet), no ARP, no queueing discipline, MSS 1448 (the default of 536 costs 2.7 times the events),
 * the faster of its schedulers, no traces, messages passed on as copy-on-write packets. ns-3 3.37.
 *
 * usage: flood [NODES MESSAGES SIZE]; one JSON object on stdout. */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <memory>
#include <vector>

#include <ns3/core-module.h>
#include <ns3/internet-module.h>
#include <ns3/network-module.h>
#include <ns3/simple-channel.h>
#include <ns3/simple-net-device.h>

#include "tests/bench/flood_plan.h"

using namespace ns3;

namespace
{

constexpr uint16_t PORT = 4000;
constexpr uint32_t FIRST_ADDRESS = 0x0a000000u; // host i is 10.0.0.0 + 4 i + 1: a network of its own, so no ARP

uint32_t node_count = 1000, message_count = 30, message_size = 1024;
uint64_t connected, deliveries, copies, latency_ns;

double cpu_s()
{
    timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return double(t.tv_sec) + double(t.tv_nsec) / 1e9;
}

uint32_t address_of(uint32_t host)
{
    return FIRST_ADDRESS + 4 * host + 1;
}

uint32_t host_of(const uint8_t *address)
{
    return ((uint32_t(address[0]) << 24 | uint32_t(address[1]) << 16 | uint32_t(address[2]) << 8 | address[3]) -
            FIRST_ADDRESS) / 4;
}

/* Everything leaves by the one device, everything that comes is for us. */
class DirectRouting : public Ipv4RoutingProtocol
{
  public:
    static TypeId GetTypeId()
    {
        static TypeId id = TypeId("DirectRouting").SetParent<Ipv4RoutingProtocol>().AddConstructor<DirectRouting>();
        return id;
    }
    Ptr<Ipv4Route> RouteOutput(Ptr<Packet>, const Ipv4Header &, Ptr<NetDevice>, Socket::SocketErrno &error) override
    {
        error = Socket::ERROR_NOTERROR;
        return route;
    }
    bool RouteInput(Ptr<const Packet> p, const Ipv4Header &h, Ptr<const NetDevice>, UnicastForwardCallback,
                    MulticastForwardCallback, LocalDeliverCallback deliver, ErrorCallback) override
    {
        deliver(p, h, 1);
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

class DirectRoutingHelper : public Ipv4RoutingHelper
{
  public:
    DirectRoutingHelper *Copy() const override
    {
        return new DirectRoutingHelper(*this);
    }
    Ptr<Ipv4RoutingProtocol> Create(Ptr<Node>) const override
    {
        return CreateObject<DirectRouting>();
    }
};

/* The world between the access links: a delay for each pair of regions, then the receiver's link. The sender's link is
 * that of its SimpleNetDevice. */
class Cloud : public SimpleChannel
{
  public:
    static TypeId GetTypeId()
    {
        static TypeId id = TypeId("Cloud").SetParent<SimpleChannel>().AddConstructor<Cloud>();
        return id;
    }
    void Attach(Ptr<SimpleNetDevice> device)
    {
        devices.push_back(device);
        free_at_ns.push_back(0);
    }
    void Send(Ptr<Packet> p, uint16_t protocol, Mac48Address, Mac48Address from, Ptr<SimpleNetDevice>) override
    {
        uint8_t ip[20];

        p->CopyData(ip, sizeof ip);
        uint32_t source = host_of(ip + 12), to = host_of(ip + 16);

        Simulator::ScheduleWithContext(to, NanoSeconds(flood_latency_ns(flood_region(source), flood_region(to))),
                                       &Cloud::Arrive, this, p->Copy(), protocol, from, to);
    }

  private:
    void Arrive(Ptr<Packet> p, uint16_t protocol, Mac48Address from, uint32_t to)
    {
        constexpr int64_t queue_ns = int64_t(FLOOD_QUEUE_PACKETS) * 1500 * 8 * 1000000000 / FLOOD_LINK_BPS;
        int64_t now_ns = Simulator::Now().GetNanoSeconds(), start_ns = std::max(now_ns, free_at_ns[to]);

        if (start_ns - now_ns > queue_ns)
            return;
        free_at_ns[to] = start_ns + int64_t(p->GetSize()) * 8 * 1000000000 / FLOOD_LINK_BPS;
        Simulator::Schedule(NanoSeconds(free_at_ns[to] - now_ns), &Cloud::Deliver, this, p, protocol, from, to);
    }
    void Deliver(Ptr<Packet> p, uint16_t protocol, Mac48Address from, uint32_t to)
    {
        devices[to]->Receive(p, protocol, Mac48Address::ConvertFrom(devices[to]->GetAddress()), from);
    }

    std::vector<Ptr<SimpleNetDevice>> devices;
    std::vector<int64_t> free_at_ns;
};

struct Host;

struct Link
{
    Host *host = nullptr;
    Ptr<Socket> socket;
    bool up = false, told = false, carries = false;
    std::deque<Ptr<Packet>> out; // what the socket had no room for
    uint8_t head[2 * FLOOD_HEAD_SIZE];
    uint32_t head_size = 0, body_left = 0;

    void Push();
    void Connected(Ptr<Socket>);
    void Writable(Ptr<Socket>, uint32_t);
    void Readable(Ptr<Socket>);
    void Take(const uint8_t *bytes, uint32_t size);
    void Hook();
};

struct Host
{
    uint32_t index;
    Ptr<Node> node;
    Ptr<Socket> listener;
    std::vector<std::unique_ptr<Link>> links;
    std::vector<bool> seen;

    Link *NewLink(Ptr<Socket> socket);
    void Accepted(Ptr<Socket> socket, const Address &from);
    void Dial(uint32_t number);
    void PassOn(uint32_t message, const Link *from);
};

std::vector<Host> hosts;
std::vector<Ptr<Packet>> frames; // by message

void Link::Push()
{
    while (!out.empty() && socket->GetTxAvailable() >= out.front()->GetSize()) {
        NS_ABORT_IF(socket->Send(out.front()) < 0);
        out.pop_front();
    }
}

void Link::Connected(Ptr<Socket>)
{
    uint8_t byte = carries;

    connected++;
    up = told = true;
    out.push_back(Create<Packet>(&byte, 1));
    Push();
}

void Link::Writable(Ptr<Socket>, uint32_t)
{
    Push();
}

void Link::Take(const uint8_t *bytes, uint32_t size)
{
    while (size > 0) {
        if (!told) {
            told = true;
            carries = bytes[0];
            bytes++;
            size--;
        } else if (head_size < sizeof head) {
            uint32_t part = std::min<uint32_t>(size, sizeof head - head_size);

            memcpy(head + head_size, bytes, part);
            head_size += part;
            bytes += part;
            size -= part;
            body_left = message_size - FLOOD_HEAD_SIZE;
        } else {
            uint32_t part = std::min(size, body_left);

            body_left -= part;
            bytes += part;
            size -= part;
        }
        if (head_size == sizeof head && body_left == 0) {
            uint32_t message = uint32_t(head[4]) << 24 | uint32_t(head[5]) << 16 | uint32_t(head[6]) << 8 | head[7];

            head_size = 0;
            copies++;
            if (host->seen[message])
                continue;
            deliveries++;
            latency_ns += uint64_t(Simulator::Now().GetNanoSeconds()) - (FLOOD_START_NS + message * FLOOD_INTERVAL_NS);
            host->PassOn(message, this);
        }
    }
}

void Link::Readable(Ptr<Socket>)
{
    static std::vector<uint8_t> buffer;

    while (socket->GetRxAvailable() > 0) {
        Ptr<Packet> p = socket->Recv();

        if (!p || p->GetSize() == 0)
            return;
        buffer.resize(std::max<size_t>(buffer.size(), p->GetSize()));
        p->CopyData(buffer.data(), p->GetSize());
        Take(buffer.data(), p->GetSize());
    }
}

void Link::Hook()
{
    socket->SetRecvCallback(MakeCallback(&Link::Readable, this));
    socket->SetSendCallback(MakeCallback(&Link::Writable, this));
}

Link *Host::NewLink(Ptr<Socket> socket)
{
    links.push_back(std::make_unique<Link>());
    links.back()->host = this;
    links.back()->socket = socket;
    links.back()->Hook();
    return links.back().get();
}

void Host::Accepted(Ptr<Socket> socket, const Address &)
{
    NewLink(socket)->up = true;
}

void Host::Dial(uint32_t number)
{
    Ptr<Socket> socket = Socket::CreateSocket(node, TcpSocketFactory::GetTypeId());
    Link *link = NewLink(socket);

    link->carries = flood_carries(number);
    socket->SetConnectCallback(MakeCallback(&Link::Connected, link), MakeNullCallback<void, Ptr<Socket>>());
    socket->Bind();
    NS_ABORT_IF(socket->Connect(InetSocketAddress(
                    Ipv4Address(address_of(flood_dialled(node_count, index, number))), PORT)) != 0);
}

void Host::PassOn(uint32_t message, const Link *from)
{
    seen[message] = true;
    for (auto &link : links) {
        if (!link->up || !link->carries || link.get() == from)
            continue;
        link->out.push_back(frames[message]->Copy());
        link->Push();
    }
}

void Publish(uint32_t message)
{
    std::vector<uint8_t> bytes(FLOOD_HEAD_SIZE + message_size, 0);

    for (int i = 0; i < 4; i++) {
        bytes[i] = uint8_t(message_size >> (24 - 8 * i));
        bytes[4 + i] = uint8_t(message >> (24 - 8 * i));
    }
    frames[message] = Create<Packet>(bytes.data(), uint32_t(bytes.size()));
    hosts[flood_publisher(node_count, message)].PassOn(message, nullptr);
}

void Attach(Host &h, Ptr<Cloud> cloud)
{
    Ptr<SimpleNetDevice> device = CreateObject<SimpleNetDevice>();
    Ptr<DropTailQueue<Packet>> queue = CreateObject<DropTailQueue<Packet>>();
    Ptr<Ipv4> ip = h.node->GetObject<Ipv4>();
    Ptr<Ipv4Route> route = Create<Ipv4Route>();

    device->SetAttribute("PointToPointMode", BooleanValue(true));
    device->SetAttribute("DataRate", DataRateValue(DataRate(uint64_t(FLOOD_LINK_BPS))));
    queue->SetMaxSize(QueueSize(QueueSizeUnit::PACKETS, FLOOD_QUEUE_PACKETS));
    device->SetQueue(queue);
    device->SetAddress(Mac48Address::Allocate());
    device->SetChannel(cloud);
    h.node->AddDevice(device);
    cloud->Attach(device);

    uint32_t interface = ip->AddInterface(device);

    ip->AddAddress(interface, Ipv4InterfaceAddress(Ipv4Address(address_of(h.index)), Ipv4Mask(0xfffffffcu)));
    ip->SetUp(interface);
    route->SetOutputDevice(device);
    route->SetSource(Ipv4Address(address_of(h.index)));
    route->SetGateway(Ipv4Address(address_of(h.index) + 1));
    DynamicCast<DirectRouting>(ip->GetRoutingProtocol())->route = route;
}

void Populate()
{
    Ptr<Cloud> cloud = CreateObject<Cloud>();
    InternetStackHelper internet;
    NodeContainer nodes;

    nodes.Create(node_count);
    internet.SetIpv6StackInstall(false);
    internet.SetIpv4ArpJitter(false);
    internet.SetRoutingHelper(DirectRoutingHelper());
    internet.Install(nodes);
    hosts = std::vector<Host>(node_count);
    for (uint32_t i = 0; i < node_count; i++) {
        Host &h = hosts[i];

        h.index = i;
        h.node = nodes.Get(i);
        h.seen.assign(message_count, false);
        Attach(h, cloud);
        h.listener = Socket::CreateSocket(h.node, TcpSocketFactory::GetTypeId());
        NS_ABORT_IF(h.listener->Bind(InetSocketAddress(Ipv4Address::GetAny(), PORT)) || h.listener->Listen());
        h.listener->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address &>(),
                                      MakeCallback(&Host::Accepted, &h));
        for (uint32_t k = 0; k < FLOOD_DIALS; k++)
            Simulator::ScheduleWithContext(i, NanoSeconds(flood_dial_ns(i, k)), &Host::Dial, &h, k);
    }
}

void RunUntil(uint64_t end_ns)
{
    Simulator::Stop(NanoSeconds(end_ns) - Simulator::Now());
    Simulator::Run();
}

} // namespace

int main(int argc, char **argv)
{
    if (argc == 4) {
        node_count = uint32_t(atoi(argv[1]));
        message_count = uint32_t(atoi(argv[2]));
        message_size = uint32_t(atoi(argv[3]));
    }
    GlobalValue::Bind("SchedulerType", StringValue("ns3::PriorityQueueScheduler"));
    Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(1448));
    Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(FLOOD_BUFFER_SIZE));
    Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(FLOOD_BUFFER_SIZE));
    frames.resize(message_count);

    double start_s = cpu_s();

    Populate();
    RunUntil(FLOOD_START_NS - 1);

    double connected_s = cpu_s();
    uint64_t events = Simulator::GetEventCount();

    for (uint32_t i = 0; i < message_count; i++)
        Simulator::ScheduleWithContext(flood_publisher(node_count, i),
                                       NanoSeconds(FLOOD_START_NS + i * FLOOD_INTERVAL_NS) - Simulator::Now(), &Publish, i);
    RunUntil(flood_end_ns(message_count));

    double end_s = cpu_s();

    printf("{\"connections\":%llu,\"setup_s\":%.3f,\"run_s\":%.3f,\"events\":%llu,\"deliveries\":%llu,\"copies\":%llu,"
           "\"mean_ms\":%.3f}\n",
           (unsigned long long)connected, connected_s - start_s, end_s - connected_s,
           (unsigned long long)(Simulator::GetEventCount() - events), (unsigned long long)deliveries,
           (unsigned long long)copies, double(latency_ns) / 1e6 / double(deliveries ? deliveries : 1));
    fflush(stdout);
    _Exit(0); // taking the world apart is not measured
}
