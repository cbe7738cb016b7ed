/* The functions of ns3c.h. */
#include "sim/ns3/stream.h"

#include <algorithm>
#include <cstdio>

using namespace ns3;

namespace
{

constexpr double NS_PER_S = 1e9;

/* The settings that are attributes of ns-3: defaults of every socket that is made from now on. */
void set_attributes(const ns3c_tcp &tcp, bool checksums)
{
    GlobalValue::Bind("SchedulerType", StringValue("ns3::PriorityQueueScheduler"));
    GlobalValue::Bind("ChecksumEnabled", BooleanValue(checksums));
    Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(tcp.mss));
    Config::SetDefault("ns3::TcpSocket::InitialCwnd", UintegerValue(tcp.initial_window));
    Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(tcp.send_buffer));
    Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(tcp.receive_buffer));
    Config::SetDefault("ns3::TcpSocket::ConnTimeout", TimeValue(NanoSeconds(tcp.rto_initial_ns)));
    Config::SetDefault("ns3::TcpSocket::ConnCount", UintegerValue(tcp.syn_retries + 1));
    Config::SetDefault("ns3::TcpSocket::DataRetries", UintegerValue(tcp.retries));
    Config::SetDefault("ns3::TcpSocket::DelAckTimeout", TimeValue(NanoSeconds(tcp.delayed_ack_ns)));
    Config::SetDefault("ns3::TcpSocket::DelAckCount", UintegerValue(tcp.delayed_acks));
    Config::SetDefault("ns3::TcpSocket::PersistTimeout", TimeValue(NanoSeconds(tcp.rto_min_ns)));
    Config::SetDefault("ns3::TcpSocketBase::MinRto", TimeValue(NanoSeconds(tcp.rto_min_ns)));
    Config::SetDefault("ns3::TcpSocketBase::MaxSegLifetime", DoubleValue(double(tcp.time_wait_ns) / 2 / NS_PER_S));
    Config::SetDefault("ns3::TcpSocketBase::Sack", BooleanValue(tcp.sack));
    Config::SetDefault("ns3::TcpSocketBase::Timestamp", BooleanValue(tcp.timestamps));
    Config::SetDefault("ns3::TcpSocketBase::LimitedTransmit", BooleanValue(tcp.limited_transmit));
    Config::SetDefault("ns3::TcpSocketBase::ReTxThreshold", UintegerValue(tcp.dupthresh));
    Config::SetDefault("ns3::TcpCubic::HyStart", BooleanValue(tcp.hystart));
    Config::SetDefault("ns3::TcpCubic::FastConvergence", BooleanValue(tcp.fast_convergence));
}

/* What the caller got wrong, or nullptr. */
const char *problem_of(const ns3c_config &c)
{
    const ns3c_tcp &tcp = c.tcp;

    if (cloud)
        return "there is a network already: ns-3 simulates one at a time";
    if (c.region_count == 0 || !c.latency_ns)
        return "no region";
    if (tcp.mss < 64 || tcp.mss > 65000 || tcp.initial_window == 0)
        return "the MSS must be 64 to 65000, the initial window at least 1";
    if (tcp.send_buffer < tcp.mss || tcp.receive_buffer < tcp.mss || tcp.send_buffer > 1u << 30 ||
        tcp.receive_buffer > 1u << 30)
        return "buffers must hold a segment, and 1 GiB at most";
    return nullptr;
}

/* All sockets of a host, also those that only ns-3 knows of; they may vanish meanwhile. */
std::vector<Ptr<ns3c_socket>> sockets_of(uint32_t host)
{
    const std::vector<ns3c_socket *> &all = cloud->hosts[host]->sockets;

    return std::vector<Ptr<ns3c_socket>>(all.begin(), all.end());
}

} // namespace

/* ---- a network ---- */

struct ns3c_tcp ns3c_tcp_default(void)
{
    struct ns3c_tcp tcp = {};

    tcp.congestion = NS3C_CUBIC;
    tcp.hystart = tcp.fast_convergence = tcp.sack = tcp.timestamps = tcp.limited_transmit = true;
    tcp.prr = tcp.idle_restart = true;
    tcp.mss = 1448;
    tcp.initial_window = 10;
    tcp.dupthresh = 3;
    tcp.delayed_acks = 2;
    tcp.delayed_ack_ns = 40 * 1000000ull;
    tcp.rto_initial_ns = 1000 * 1000000ull;
    tcp.rto_min_ns = 200 * 1000000ull;
    tcp.syn_retries = 6;
    tcp.retries = 15;
    tcp.send_buffer_initial = 16 << 10;
    tcp.send_buffer = uint32_t((4ull << 20) * 1448 / 2352); /* what of them is payload */
    tcp.receive_buffer = uint32_t((6ull << 20) * 1448 / 2352);
    tcp.time_wait_ns = 60 * 1000000000ull;
    return tcp;
}

int ns3c_begin(const struct ns3c_config *config, char *error, size_t error_size)
{
    const char *problem = problem_of(*config);

    if (problem) {
        std::snprintf(error, error_size, "%s", problem);
        return -1;
    }
    set_attributes(config->tcp, config->checksums);
    cloud = std::make_unique<Cloud>();
    cloud->config = *config;
    cloud->latency_ns.assign(config->latency_ns,
                             config->latency_ns + size_t(config->region_count) * config->region_count);
    return 0;
}

void ns3c_end(void)
{
    for (uint32_t i = 0; i < cloud->hosts.size(); i++) {
        for (auto &s : sockets_of(i)) {
            s->vanish();
            if (s->held())
                s->let_go();
        }
        cloud->hosts[i]->capture(nullptr);
    }
    Simulator::Destroy();
    cloud->nodes.clear(); /* sockets that only they kept go here, and still look for their host */
    cloud.reset();
}

uint32_t ns3c_host_add(const struct ns3c_host *host)
{
    return cloud->add(*host);
}

void ns3c_host_links(uint32_t host, const struct ns3c_link *up, const struct ns3c_link *down)
{
    cloud->hosts[host]->up.set(*up);
    cloud->hosts[host]->down.set(*down);
}

uint32_t ns3c_middle_add(const struct ns3c_link *link)
{
    cloud->middles.emplace_back();
    cloud->middles.back().set(*link);
    return uint32_t(cloud->middles.size() - 1);
}

uint32_t ns3c_address(uint32_t host)
{
    return FIRST_ADDRESS + host;
}

void ns3c_latency(uint32_t from_region, uint32_t to_region, uint64_t latency_ns)
{
    cloud->latency_ns[size_t(from_region) * cloud->config.region_count + to_region] = latency_ns;
}

/* ---- sockets ---- */

struct ns3c_socket *ns3c_listen(uint32_t host, uint16_t port, const struct ns3c_upcalls *upcalls, void *user)
{
    Ptr<ns3c_socket> s = ns3c_socket::make(host, upcalls, user);

    if (s->Bind(InetSocketAddress(Ipv4Address::GetAny(), port)) || s->Listen()) {
        s->vanish();
        return nullptr;
    }
    s->hold();
    return PeekPointer(s);
}

struct ns3c_socket *ns3c_connect(uint32_t host, uint32_t to, uint16_t port, const struct ns3c_upcalls *upcalls, void *user)
{
    Ptr<ns3c_socket> s = ns3c_socket::make(host, upcalls, user);

    if (!s->call(to, port)) {
        s->vanish();
        return nullptr;
    }
    s->hold();
    return PeekPointer(s);
}

void ns3c_adopt(struct ns3c_socket *socket, const struct ns3c_upcalls *upcalls, void *user)
{
    socket->adopt(upcalls, user);
}

size_t ns3c_send(struct ns3c_socket *socket, const void *bytes, size_t size)
{
    return socket->send(static_cast<const uint8_t *>(bytes), size);
}

size_t ns3c_room(const struct ns3c_socket *socket)
{
    return socket->room();
}

size_t ns3c_receive(struct ns3c_socket *socket, void *bytes, size_t size)
{
    return socket->receive(static_cast<uint8_t *>(bytes), size);
}

size_t ns3c_waiting(const struct ns3c_socket *socket)
{
    return socket->GetRxAvailable();
}

uint16_t ns3c_port(const struct ns3c_socket *socket)
{
    return socket->port();
}

void ns3c_close(struct ns3c_socket *socket, enum ns3c_closing how)
{
    Ptr<ns3c_socket> self(socket);
    uint32_t host = socket->host;
    uint16_t port = socket->port();
    bool listener = socket->listens();

    if (how == NS3C_RST)
        socket->abort();
    else
        socket->finish();
    socket->let_go();
    for (auto &s : listener ? sockets_of(host) : std::vector<Ptr<ns3c_socket>>())
        if (s->awaits(port))
            s->abort();
}

void ns3c_reset(uint32_t host)
{
    for (auto &s : sockets_of(host)) {
        if (s->closes())
            continue;
        s->abort();
        if (s->held())
            s->let_go();
    }
}

/* ---- time ---- */

void ns3c_call(uint32_t host, uint64_t at_ns, void (*fn)(void *arg), void *arg)
{
    uint64_t now = now_ns();

    Simulator::ScheduleWithContext(host, NanoSeconds(at_ns > now ? at_ns - now : 0), fn, arg);
}

void ns3c_run(uint64_t until_ns)
{
    uint64_t before;

    do { /* again for events of that very time that came up meanwhile */
        before = Simulator::GetEventCount();
        Simulator::Stop(NanoSeconds(until_ns - now_ns()));
        cloud->stops++;
        Simulator::Run();
    } while (Simulator::GetEventCount() > before + 1);
}

uint64_t ns3c_now(void)
{
    return now_ns();
}

/* ---- what happened ---- */

int ns3c_pcap(uint32_t host, const char *path)
{
    return cloud->hosts[host]->capture(path);
}

struct ns3c_counts ns3c_count(void)
{
    struct ns3c_counts counts = cloud->counts;

    counts.events = Simulator::GetEventCount() - cloud->stops;
    return counts;
}

void ns3c_look(const struct ns3c_socket *socket, struct ns3c_flow *out)
{
    socket->describe(out);
}

const struct ns3c_table *ns3c_api(void)
{
    static const struct ns3c_table table = {
        NS3C_VERSION, ns3c_tcp_default, ns3c_begin,   ns3c_end,     ns3c_host_add, ns3c_host_links, ns3c_middle_add,
        ns3c_address, ns3c_latency,     ns3c_listen,  ns3c_connect, ns3c_adopt,    ns3c_send,       ns3c_room,
        ns3c_receive, ns3c_waiting,     ns3c_port,    ns3c_close,   ns3c_reset,    ns3c_call,       ns3c_run,
        ns3c_now,     ns3c_pcap,        ns3c_count,   ns3c_look,
    };

    return &table;
}
