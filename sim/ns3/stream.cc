/* What ns-3's TCP socket needs to be the socket of ns3c.h:
 *
 *  - Calls to the program come after a segment or a timer has been dealt with, never in the middle: callbacks of ns-3 leave
 *    notes, serve() reads them.
 *  - ns-3 drops a reset without the timestamp option, answers one that has the ACK flag with another, and tells it like an
 *    orderly end. It does not get to see them: on_reset() does what RFC 9293 (3.10.7) says.
 *  - It never tells a sender that a closed window has opened again but in answer to a probe: offer_window() does.
 *  - It has no reset by the program, no end of waiting in FIN_WAIT_2, no idle restart, no growing send buffer.
 *  - Its sending takes all or nothing. */
#include "sim/ns3/stream.h"

#include <algorithm>

using namespace ns3;

namespace
{

/* Whether the segment is a reset, without reading all of its header. */
bool is_reset(Ptr<const Packet> segment)
{
    uint8_t head[14] = {0};

    segment->CopyData(head, sizeof head);
    return head[13] & TcpHeader::RST;
}

} // namespace

TypeId ns3c_socket::GetTypeId()
{
    static TypeId id = TypeId("ns3c::Socket").SetParent<TcpSocketBase>().AddConstructor<ns3c_socket>();

    return id;
}

/* ---- life ---- */

ns3c_socket::ns3c_socket(const ns3c_socket &listener)
    : TcpSocketBase(listener),
      host(listener.host),
      m_upcalls(listener.m_upcalls),
      m_user(listener.m_user)
{
    enter();
}

ns3c_socket::~ns3c_socket()
{
    std::vector<ns3c_socket *> &all = cloud->hosts[host]->sockets;
    auto found = cloud->hosts[host]->connections.find(m_key);

    if (found != cloud->hosts[host]->connections.end() && found->second == this)
        cloud->hosts[host]->connections.erase(found);
    all[place] = all.back();
    all[place]->place = place;
    all.pop_back();
}

void ns3c_socket::enter()
{
    std::vector<ns3c_socket *> &all = cloud->hosts[host]->sockets;

    place = uint32_t(all.size());
    all.push_back(this);
    m_limit = std::min(cloud->config.tcp.send_buffer_initial, cloud->config.tcp.send_buffer);
    hook();
}

Ptr<ns3c_socket> ns3c_socket::make(uint32_t host, const ns3c_upcalls *upcalls, void *user)
{
    const ns3c_tcp &tcp = cloud->config.tcp;
    Ptr<Node> node = cloud->nodes[host];
    Ptr<TcpL4Protocol> protocol = node->GetObject<TcpL4Protocol>();
    Ptr<ns3c_socket> s = CreateObject<ns3c_socket>();

    s->host = host;
    s->enter();
    s->SetNode(node);
    s->SetTcp(protocol);
    s->SetRtt(CreateObject<RttMeanDeviation>());
    if (tcp.congestion == NS3C_CUBIC)
        s->SetCongestionControlAlgorithm(CreateObject<TcpCubic>());
    else
        s->SetCongestionControlAlgorithm(CreateObject<TcpLinuxReno>());
    if (tcp.prr)
        s->SetRecoveryAlgorithm(CreateObject<TcpPrrRecovery>());
    else
        s->SetRecoveryAlgorithm(CreateObject<TcpClassicRecovery>());
    protocol->AddSocket(s);
    s->adopt(upcalls, user);
    return s;
}

Ptr<TcpSocketBase> ns3c_socket::Fork()
{
    return CopyObject<ns3c_socket>(this);
}

void ns3c_socket::be_found()
{
    m_key = connection_key(m_endPoint->GetPeerAddress().Get() - FIRST_ADDRESS, m_endPoint->GetPeerPort(),
                           m_endPoint->GetLocalPort());
    cloud->hosts[host]->connections[m_key] = this;
}

bool ns3c_socket::call(uint32_t to, uint16_t port)
{
    if (Bind() || Connect(InetSocketAddress(Ipv4Address(FIRST_ADDRESS + to), port)))
        return false;
    be_found();
    return true;
}

void ns3c_socket::CompleteFork(Ptr<Packet> packet, const TcpHeader &header, const Address &from, const Address &to)
{
    if (m_deaf)
        return; /* the host was reset since the SYN came */
    TcpSocketBase::CompleteFork(packet, header, from, to);
    if (m_endPoint)
        be_found();
}

/* ns-3 holds these pointers no longer than the socket lives: they are its own. */
void ns3c_socket::hook()
{
    SetConnectCallback(MakeCallback(&ns3c_socket::on_connected, this), MakeCallback(&ns3c_socket::on_unanswered, this));
    SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address &>(),
                      MakeCallback(&ns3c_socket::on_accepted, this));
    SetRecvCallback(MakeCallback(&ns3c_socket::on_data, this));
    SetSendCallback(MakeCallback(&ns3c_socket::on_room, this));
    SetCloseCallbacks(MakeCallback(&ns3c_socket::on_closed, this), MakeCallback(&ns3c_socket::on_broken, this));
}

void ns3c_socket::hold()
{
    m_held = true;
    Ref();
}

void ns3c_socket::let_go()
{
    m_held = false;
    m_events = 0;
    Unref();
}

bool ns3c_socket::held() const
{
    return m_held;
}

void ns3c_socket::adopt(const ns3c_upcalls *upcalls, void *user)
{
    m_upcalls = upcalls;
    m_user = user;
}

/* ---- what ns-3 tells ---- */

void ns3c_socket::note(unsigned event)
{
    m_events |= event;
    if (!m_forwarding && !m_serving && !m_due) {
        m_due = true;
        Simulator::ScheduleNow(&ns3c_socket::serve, Ptr<ns3c_socket>(this));
    }
}

void ns3c_socket::note_end(bool broken)
{
    if (m_timed_out)
        m_how = NS3C_TIMEOUT;
    else if (m_open)
        m_how = broken ? NS3C_RESET : NS3C_FINISHED;
    else
        m_how = NS3C_REFUSED;
    note(m_how == NS3C_FINISHED ? FINISHED : BROKEN);
}

void ns3c_socket::on_accepted(Ptr<Socket>, const Address &from)
{
    InetSocketAddress at = InetSocketAddress::ConvertFrom(from);

    m_open = true;
    m_from = at.GetIpv4().Get() - FIRST_ADDRESS;
    m_from_port = at.GetPort();
    cloud->counts.connections++;
    hold();
    note(ACCEPTED);
}

void ns3c_socket::on_connected(Ptr<Socket>)
{
    m_open = true;
    note(CONNECTED);
}

/* Refusals are resets, which ns-3 does not see: this is a SYN that was sent often enough. */
void ns3c_socket::on_unanswered(Ptr<Socket>)
{
    m_timed_out = true;
    note_end(true);
}

void ns3c_socket::on_data(Ptr<Socket>)
{
    if (m_deaf)
        drain();
    else
        note(READABLE);
}

void ns3c_socket::on_room(Ptr<Socket>, uint32_t)
{
    if (m_wants_room && room() >= m_limit / 3)
        note(WRITABLE);
}

void ns3c_socket::on_closed(Ptr<Socket>)
{
    note_end(false);
}

void ns3c_socket::on_broken(Ptr<Socket>)
{
    note_end(true);
}

/* ---- what the program hears ---- */

void ns3c_socket::serve()
{
    Ptr<ns3c_socket> self(this); /* the program may close it */

    m_due = false;
    m_serving = true;
    while (m_held && serve_one())
        ;
    m_serving = false;
}

/* The next thing to be told; false when there is none. */
bool ns3c_socket::serve_one()
{
    if (m_events & ACCEPTED) {
        m_events &= ~unsigned(ACCEPTED);
        m_upcalls->accepted(m_user, this, m_from, m_from_port);
    } else if (m_events & CONNECTED) {
        m_events &= ~unsigned(CONNECTED);
        m_upcalls->connected(m_user, this);
    } else if (m_events & READABLE) {
        m_events &= ~unsigned(READABLE);
        if (GetRxAvailable())
            m_upcalls->readable(m_user, this);
    } else if ((m_events & BROKEN) || ((m_events & FINISHED) && GetRxAvailable() == 0)) {
        m_events = 0;
        m_wants_room = false;
        if (!m_told_end)
            m_upcalls->ended(m_user, this, m_how);
        m_told_end = true;
    } else if (m_events & WRITABLE) {
        m_events &= ~unsigned(WRITABLE);
        m_wants_room = false;
        m_upcalls->writable(m_user, this);
    } else {
        return false;
    }
    return true;
}

void ns3c_socket::DoForwardUp(Ptr<Packet> packet, const Address &from, const Address &to)
{
    Ptr<ns3c_socket> self(this);

    m_forwarding = true;
    if (is_reset(packet))
        on_reset(packet);
    else
        TcpSocketBase::DoForwardUp(packet, from, to);
    m_forwarding = false;
    if (m_deaf)
        drain();
    if (m_events && !m_serving && !m_due)
        serve();
}

bool ns3c_socket::deliver(Ptr<Packet> packet)
{
    Ptr<ns3c_socket> self(this);
    Ipv4Header header;

    if (!m_endPoint)
        return false;
    packet->RemoveHeader(header);
    ForwardUp(packet, header, m_endPoint->GetPeerPort(), nullptr);
    return true;
}

void ns3c_socket::on_reset(Ptr<const Packet> segment)
{
    SequenceNumber32 next = m_tcb->m_rxBuffer->NextRxSequence(), end = m_tcb->m_rxBuffer->MaxRxSequence();
    TcpHeader header;
    bool ours;

    segment->PeekHeader(header);
    if (m_state == SYN_SENT)
        ours = (header.GetFlags() & TcpHeader::ACK) && header.GetAckNumber() == m_tcb->m_nextTxSequence.Get() + 1;
    else
        ours = header.GetSequenceNumber() >= next && header.GetSequenceNumber() <= end;
    if (!ours || m_state == LISTEN || m_state == CLOSED)
        return;
    if (m_held)
        note_end(true);
    vanish();
}

void ns3c_socket::ReTxTimeout()
{
    Ptr<ns3c_socket> self(this);

    m_timed_out = true;
    TcpSocketBase::ReTxTimeout();
    m_timed_out = false;
}

void ns3c_socket::LastAckTimeout()
{
    Ptr<ns3c_socket> self(this);

    m_timed_out = true;
    TcpSocketBase::LastAckTimeout();
    m_timed_out = false;
}

/* ---- sending ---- */

size_t ns3c_socket::room() const
{
    const ns3c_tcp &tcp = cloud->config.tcp;
    uint32_t limit = m_limit, used = m_txBuffer->Size();

    if (m_state != ESTABLISHED && m_state != CLOSE_WAIT && m_state != SYN_SENT)
        return 0;
    if (limit < tcp.send_buffer)
        limit = std::max(limit, uint32_t(std::min<uint64_t>(2 * uint64_t(m_tcb->m_cWnd.Get()), tcp.send_buffer)));
    return used < limit ? std::min(limit - used, GetTxAvailable()) : 0;
}

/* Linux's tcp_cwnd_restart: the path may have changed meanwhile. */
void ns3c_socket::restart_after_pause()
{
    uint64_t pause_ns = now_ns() - m_last_sent_ns, rto_ns = uint64_t(m_rto.Get().GetNanoSeconds());
    uint32_t window = m_tcb->m_cWnd, least = std::min(window, m_tcb->m_initialCWnd * m_tcb->m_segmentSize);

    if (m_last_sent_ns == 0 || m_txBuffer->Size() || rto_ns == 0 || pause_ns <= rto_ns)
        return;
    m_tcb->m_ssThresh = std::max(m_tcb->m_ssThresh.Get(), window / 4 * 3);
    for (; pause_ns > rto_ns && window > least; pause_ns -= rto_ns)
        window /= 2;
    m_tcb->m_cWnd = std::max(window, least);
    m_tcb->m_cWndInfl = m_tcb->m_cWnd;
}

size_t ns3c_socket::send(const uint8_t *bytes, size_t size)
{
    size_t most = room(), take = std::min(size, most);

    if (take && m_open && cloud->config.tcp.idle_restart)
        restart_after_pause();
    if (take && Send(Create<Packet>(bytes, uint32_t(take)), 0) != int(take))
        take = 0;
    m_sent += take;
    m_limit = std::max(m_limit, uint32_t(std::min<uint64_t>(m_txBuffer->Size() + most - take, UINT32_MAX)));
    m_wants_room |= take < size;
    return take;
}

uint32_t ns3c_socket::SendDataPacket(SequenceNumber32 seq, uint32_t most, bool with_ack)
{
    bool again = seq < m_tcb->m_highTxMark.Get();
    uint32_t size = TcpSocketBase::SendDataPacket(seq, most, with_ack);

    m_last_sent_ns = now_ns();
    m_segments++;
    m_retransmitted += again;
    return size;
}

/* ---- receiving ---- */

uint16_t ns3c_socket::AdvertisedWindowSize(bool scale) const
{
    uint16_t window = TcpSocketBase::AdvertisedWindowSize(scale);

    m_offered = scale ? uint32_t(window) << m_rcvWindShift : window;
    m_offered_at = m_tcb->m_rxBuffer->NextRxSequence();
    return window;
}

/* Linux's tcp_cleanup_rbuf: tells the sender once the window is twice what is left of the one that it knows. */
void ns3c_socket::offer_window()
{
    SequenceNumber32 next = m_tcb->m_rxBuffer->NextRxSequence();
    uint32_t used = uint32_t(next - m_offered_at), rest = used < m_offered ? m_offered - used : 0;
    uint32_t window = uint32_t(m_tcb->m_rxBuffer->MaxRxSequence() - next);

    if (m_state != ESTABLISHED && m_state != FIN_WAIT_1 && m_state != FIN_WAIT_2)
        return;
    if (!m_tcb->m_rxBuffer->GotFin() && window >= m_tcb->m_segmentSize && rest <= m_tcb->m_rxBuffer->MaxBufferSize() / 2 &&
        window / 2 >= rest)
        SendEmptyPacket(TcpHeader::ACK);
}

size_t ns3c_socket::receive(uint8_t *bytes, size_t size)
{
    uint32_t take = uint32_t(std::min<size_t>(size, GetRxAvailable()));
    Ptr<Packet> packet;

    if (take == 0)
        return 0;
    packet = Recv(take, 0);
    take = packet->CopyData(bytes, take);
    m_received += take;
    offer_window();
    if (m_events & FINISHED)
        note(0); /* perhaps that was the last of it */
    return take;
}

void ns3c_socket::drain()
{
    bool some = false;

    while (GetRxAvailable()) {
        Recv(GetRxAvailable(), 0);
        some = true;
    }
    if (some)
        offer_window();
}

/* ---- the end ---- */

void ns3c_socket::finish()
{
    Ptr<ns3c_socket> self(this);

    if (m_state == SYN_SENT || m_state == LISTEN) {
        vanish();
        return;
    }
    m_deaf = true;
    drain(); /* with bytes left to be read ns-3 would reset */
    if (m_state == CLOSED)
        return;
    Close();
    Simulator::Schedule(NanoSeconds(cloud->config.tcp.time_wait_ns), &ns3c_socket::look_for_end, self);
}

/* A far side that never ends its stream, as one that crashed out of reach, is not waited for. */
void ns3c_socket::look_for_end()
{
    if (m_state == FIN_WAIT_2 && m_fin_waited)
        vanish();
    else if (m_state != CLOSED && m_state != TIME_WAIT)
        Simulator::Schedule(NanoSeconds(cloud->config.tcp.time_wait_ns), &ns3c_socket::look_for_end,
                            Ptr<ns3c_socket>(this));
    m_fin_waited = m_state == FIN_WAIT_2;
}

void ns3c_socket::abort()
{
    Ptr<ns3c_socket> self(this);

    if (m_endPoint && m_state != LISTEN && m_state != TIME_WAIT && m_state != SYN_SENT && m_state != CLOSED)
        SendEmptyPacket(TcpHeader::RST);
    vanish();
}

void ns3c_socket::vanish()
{
    Ptr<ns3c_socket> self(this);

    m_deaf = true;
    CancelAllTimers();
    m_timewaitEvent.Cancel();
    m_state = CLOSED;
    m_shutdownSend = m_shutdownRecv = true;
    DeallocateEndPoint();
}

/* ---- what it is ---- */

bool ns3c_socket::awaits(uint16_t port) const
{
    return m_state == SYN_RCVD && !m_held && this->port() == port;
}

bool ns3c_socket::closes() const
{
    return m_deaf;
}

bool ns3c_socket::listens() const
{
    return m_state == LISTEN;
}

uint16_t ns3c_socket::port() const
{
    return m_endPoint ? m_endPoint->GetLocalPort() : 0;
}

void ns3c_socket::describe(ns3c_flow *out) const
{
    uint32_t in_flight = m_txBuffer->Size() - m_txBuffer->SizeFromSequence(m_tcb->m_nextTxSequence);

    *out = ns3c_flow{};
    out->sent = m_sent;
    out->received = m_received;
    out->segments = m_segments;
    out->retransmitted = m_retransmitted;
    out->unacked = in_flight;
    out->unsent = m_txBuffer->Size() - in_flight;
    out->cwnd = m_tcb->m_cWnd;
    out->ssthresh = m_tcb->m_ssThresh;
    out->rtt_ns = uint64_t(m_tcb->m_lastRtt.Get().GetNanoSeconds());
    out->rto_ns = uint64_t(m_rto.Get().GetNanoSeconds());
    out->window = m_rWnd;
}
