/* Thin calls into igraph. */
#include "sim/scenario/graph.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <igraph/igraph.h>

/* igraph's default error handler ends the process; ours lets the call return its error. */
static void prepare(uint64_t seed)
{
    igraph_set_error_handler(igraph_error_handler_ignore);
    CHECK(igraph_rng_seed(igraph_rng_default(), seed) == IGRAPH_SUCCESS);
}

static const char *finish(igraph_error_t error, igraph_t *g, struct graph *out)
{
    igraph_integer_t count;

    *out = (struct graph){0};
    if (error != IGRAPH_SUCCESS)
        return igraph_strerror(error);
    count = igraph_ecount(g);
    CHECK(count >= 0 && count < UINT32_MAX);
    out->edges = mem_grow(NULL, (size_t)count, sizeof *out->edges);
    for (igraph_integer_t i = 0; i < count; i++)
        out->edges[out->edge_count++] =
            (struct graph_edge){(uint32_t)IGRAPH_FROM(g, i), (uint32_t)IGRAPH_TO(g, i)};
    igraph_destroy(g);
    return NULL;
}

/* The pairs that `sparse` does not join. */
static void complement(uint32_t n, struct graph *g)
{
    uint64_t all = (uint64_t)n * (n - 1) / 2;
    uint8_t *joined = mem_zalloc((size_t)n * n);
    struct graph_edge *edges = mem_grow(NULL, (size_t)(all - g->edge_count), sizeof *edges);
    uint32_t count = 0;

    for (uint32_t i = 0; i < g->edge_count; i++) {
        joined[(size_t)g->edges[i].a * n + g->edges[i].b] = 1;
        joined[(size_t)g->edges[i].b * n + g->edges[i].a] = 1;
    }
    for (uint32_t a = 0; a < n; a++) {
        for (uint32_t b = a + 1; b < n; b++) {
            if (!joined[(size_t)a * n + b])
                edges[count++] = (struct graph_edge){a, b};
        }
    }
    mem_free(joined);
    mem_free(g->edges);
    g->edges = edges;
    g->edge_count = count;
}

const char *graph_random_regular(uint64_t seed, uint32_t n, uint32_t degree, struct graph *out)
{
    igraph_t g;
    const char *wrong;
    bool dense =
        degree > (n - 1) / 2; /* igraph tries at random, for ever when nearly all pairs are taken */

    CHECK(degree > 0 && degree < n && (uint64_t)n * degree % 2 == 0);
    prepare(seed);
    wrong = finish(igraph_k_regular_game(&g, n, dense ? n - 1 - degree : degree, false, false), &g,
                   out);
    if (!wrong && dense)
        complement(n, out);
    return wrong;
}

const char *graph_erdos_renyi(uint64_t seed, uint32_t n, uint64_t probability_ppb,
                              struct graph *out)
{
    igraph_t g;
    igraph_real_t p = (igraph_real_t)probability_ppb / 1e9;

    CHECK(probability_ppb <= 1000000000);
    prepare(seed);
    return finish(igraph_erdos_renyi_game_gnp(&g, n, p, false, false), &g, out);
}

const char *graph_watts_strogatz(uint64_t seed, uint32_t n, uint32_t degree, uint64_t rewire_ppb,
                                 struct graph *out)
{
    igraph_t g;
    igraph_real_t p = (igraph_real_t)rewire_ppb / 1e9;

    CHECK(degree > 0 && degree % 2 == 0 && degree < n && rewire_ppb <= 1000000000);
    prepare(seed);
    return finish(igraph_watts_strogatz_game(&g, 1, n, degree / 2, p, false, false), &g, out);
}

const char *graph_barabasi_albert(uint64_t seed, uint32_t n, uint32_t edges_per_node,
                                  struct graph *out)
{
    igraph_t g;

    CHECK(edges_per_node > 0 && edges_per_node < n);
    prepare(seed);
    return finish(igraph_barabasi_game(&g, n, 1, edges_per_node, NULL, true, 1, false,
                                       IGRAPH_BARABASI_PSUMTREE, NULL),
                  &g, out);
}

void graph_free(struct graph *g)
{
    mem_free(g->edges);
    *g = (struct graph){0};
}
