/* A socket (C++): ns-3's TCP, with what the API promises and ns-3 lacks. */
#ifndef SIM_NS3_STREAM_H
#define SIM_NS3_STREAM_H

#include "sim/ns3/cloud.h"

/* The opaque type of ns3c.h. ns-3 keeps it alive as long as its connection needs it; the program's pointer counts as a reference. */
struct ns3c_socket : public ns3::TcpSocketBase {
    static ns3::TypeId GetTypeId();
    ns3c_socket() = default;
    ns3c_socket(const ns3c_socket &listener); /* a connection that comes in */
    ~ns3c_socket() override;

    /* A socket of that host, not bound to anything. */
    static ns3::Ptr<ns3c_socket> make(uint32_t host, const ns3c_upcalls *upcalls, void *user);

    void hold();     /* the program has the pointer */
    void let_go();   /* it has it no more */
    bool held() const;
    void adopt(const ns3c_upcalls *upcalls, void *user);
    size_t send(const uint8_t *bytes, size_t size);
    size_t room() const;
    size_t receive(uint8_t *bytes, size_t size);
    bool call(uint32_t to, uint16_t port); /* dials; false: no port is left */
    bool deliver(ns3::Ptr<ns3::Packet> packet); /* with its IP header; false: it has no far side any more */
    void finish(); /* ends its side; reads and forgets what still comes */
    void abort();
    void vanish(); /* without a word */
    bool awaits(uint16_t port) const; /* it is a connection to that port that is not accepted yet */
    bool listens() const;
    bool closes() const; /* the program ended it in order, ns-3 sees to the rest */
    uint16_t port() const;
    void describe(ns3c_flow *out) const;

    /* Its place in Access::sockets. */
    uint32_t host = 0, place = 0;

  protected:
    ns3::Ptr<ns3::TcpSocketBase> Fork() override;
    void CompleteFork(ns3::Ptr<ns3::Packet> packet, const ns3::TcpHeader &header, const ns3::Address &from,
                      const ns3::Address &to) override;
    void DoForwardUp(ns3::Ptr<ns3::Packet> packet, const ns3::Address &from, const ns3::Address &to) override;
    uint32_t SendDataPacket(ns3::SequenceNumber32 seq, uint32_t most, bool with_ack) override;
    uint16_t AdvertisedWindowSize(bool scale) const override;
    void ReTxTimeout() override;
    void LastAckTimeout() override;

  private:
    enum Event { ACCEPTED = 1, CONNECTED = 2, READABLE = 4, WRITABLE = 8, BROKEN = 16, FINISHED = 32 };

    void enter();
    void hook();
    void be_found();
    void note(unsigned event);
    void note_end(bool broken);
    void serve();
    bool serve_one();
    void drain();
    void offer_window();
    void restart_after_pause();
    void look_for_end();
    void on_reset(ns3::Ptr<const ns3::Packet> segment);
    /* ns-3's callbacks */
    void on_accepted(ns3::Ptr<ns3::Socket>, const ns3::Address &from);
    void on_connected(ns3::Ptr<ns3::Socket>);
    void on_unanswered(ns3::Ptr<ns3::Socket>);
    void on_data(ns3::Ptr<ns3::Socket>);
    void on_room(ns3::Ptr<ns3::Socket>, uint32_t);
    void on_closed(ns3::Ptr<ns3::Socket>);
    void on_broken(ns3::Ptr<ns3::Socket>);

    const ns3c_upcalls *m_upcalls = nullptr;
    void *m_user = nullptr;
    bool m_held = false;
    bool m_open = false;      /* connected or accepted */
    bool m_deaf = false;      /* the program closed it */
    bool m_serving = false, m_due = false; /* in serve(); an event for it is on its way */
    bool m_forwarding = false, m_timed_out = false;
    bool m_wants_room = false, m_told_end = false;
    bool m_fin_waited = false; /* look_for_end found it waiting once */
    unsigned m_events = 0;
    ns3c_reason m_how = NS3C_FINISHED;
    uint32_t m_limit = 0; /* of the send buffer, as it has grown */
    mutable uint32_t m_offered = 0; /* the last window that the far side was told */
    mutable ns3::SequenceNumber32 m_offered_at{0}; /* what was received then */
    uint64_t m_key = 0; /* in Access::connections; 0: none */
    uint64_t m_last_sent_ns = 0, m_sent = 0, m_received = 0, m_segments = 0, m_retransmitted = 0;
    uint32_t m_from = 0;
    uint16_t m_from_port = 0;
};

#endif
