/* The same flood for several simulators: who dials whom and when, which connections carry messages, who publishes.
 *
 * Each node dials 10 others within the first second, so that it has 20 connections on average; 4 of its dials carry the
 * flood (D 8 on average). A connection begins with one byte of the dialler, whether it carries; then messages follow, each
 * a length of 4 bytes and so many bytes, the first 4 of which are its number. Who sees a message first passes it on
 * to all its carrying connections but the one it came from. C and C++. */
#ifndef TESTS_BENCH_FLOOD_PLAN_H
#define TESTS_BENCH_FLOOD_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#define FLOOD_DIALS 10u
#define FLOOD_CARRYING 4u
#define FLOOD_REGIONS 5u
#define FLOOD_LINK_BPS 100000000u /* each way */
#define FLOOD_QUEUE_PACKETS 1000u /* of 1500 bytes: of an access link, each way */
#define FLOOD_BUFFER_SIZE (1u << 20)
#define FLOOD_HEAD_SIZE 4u
#define FLOOD_START_NS ((uint64_t)2000000000)
#define FLOOD_INTERVAL_NS ((uint64_t)100000000)
#define FLOOD_TAIL_NS ((uint64_t)3000000000)

static inline uint64_t flood_mix(uint64_t a, uint64_t b)
{
    uint64_t x = a * 0x9e3779b97f4a7c15u + b + 1;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static inline uint32_t flood_dialled(uint32_t nodes, uint32_t node, uint32_t dial)
{
    return (uint32_t)((node + 1 + flood_mix(node, dial) % (nodes - 1)) % nodes);
}

static inline uint64_t flood_dial_ns(uint32_t node, uint32_t dial)
{
    return 1 + flood_mix(node, dial + 1000) % 1000000000u;
}

static inline bool flood_carries(uint32_t dial)
{
    return dial < FLOOD_CARRYING;
}

static inline uint32_t flood_publisher(uint32_t nodes, uint32_t message)
{
    return (uint32_t)(flood_mix(message, 77777) % nodes);
}

static inline uint32_t flood_region(uint32_t node)
{
    return node % FLOOD_REGIONS;
}

/* One way, between two regions. */
static inline uint64_t flood_latency_ns(uint32_t from, uint32_t to)
{
    uint32_t apart = from < to ? to - from : from - to;

    return apart ? 12000000u + 15000000u * (uint64_t)apart : 4000000u;
}

static inline uint64_t flood_end_ns(uint32_t messages)
{
    return FLOOD_START_NS + messages * FLOOD_INTERVAL_NS + FLOOD_TAIL_NS;
}

#endif
