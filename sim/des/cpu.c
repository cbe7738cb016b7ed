/* Every core is a FIFO server of which only the end of its queue is kept. */
#include "sim/des/cpu.h"

#include "stack/base/check.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#define KIB 1024u

void cpu_init(struct cpu *c, const struct work_cost *costs, uint32_t core_count, uint32_t speed_ppm)
{
    CHECK(core_count > 0 && core_count <= WORK_CORES_MAX && speed_ppm > 0);
    *c = (struct cpu){costs, speed_ppm, core_count, mem_zalloc(core_count * sizeof *c->free_ns)};
}

void cpu_deinit(struct cpu *c)
{
    mem_free(c->free_ns);
}

void cpu_reset(struct cpu *c)
{
    for (uint32_t i = 0; i < c->core_count; i++)
        c->free_ns[i] = 0;
}

uint64_t cpu_cost_ns(const struct cpu *c, unsigned works, uint64_t bytes)
{
    uint64_t total = 0; /* in 1/KIB ns */

    for (unsigned kind = 0; kind < WORK_KINDS; kind++)
        if (works >> kind & 1)
            total += c->costs[kind].base_ns * KIB + c->costs[kind].per_kib_ns * bytes;
    return mul_div(total, CPU_SPEED_1_PPM, (uint64_t)c->speed_ppm * KIB);
}

uint64_t cpu_charge(struct cpu *c, uint64_t now_ns, unsigned works, uint64_t bytes)
{
    uint64_t cost_ns = cpu_cost_ns(c, works, bytes), start_ns = c->free_ns[0] > now_ns ? c->free_ns[0] : now_ns;
    uint32_t core = 0;

    CHECK(!(works & WORK_OFFLOADED) || !(works & ~(unsigned)WORK_OFFLOADED));
    if (works & WORK_OFFLOADED && c->core_count > 1) {
        core = 1;
        for (uint32_t i = 2; i < c->core_count; i++)
            if (c->free_ns[i] < c->free_ns[core])
                core = i;
    }
    if (c->free_ns[core] > start_ns)
        start_ns = c->free_ns[core];
    c->free_ns[core] = start_ns + cost_ns;
    return c->free_ns[core];
}
