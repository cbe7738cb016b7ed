/* Up to eight message networks (stack/algorand) joined by byte streams, for its unit tests.
 *
 * One set of nodes a program; a test begins with wsnet_set_up and ends with wsnet_tear_down. Slot n
 * of any network is wsnet[n]. Time stands still unless the test moves wsnet_now. */
#ifndef TESTS_LIB_WSNET_H
#define TESTS_LIB_WSNET_H

#include "stack/algorand/algorand.h"

#define WSNET_MS 1000000ull
#define WSNET_SECOND (1000 * WSNET_MS)
#define WSNET_NODES_MAX 8
#define WSNET_SENT_MAX 4096

/* A node: slot n of its network is node n of the test. */
struct wsnet_node {
    struct algorand *a;
    uint32_t counts[TRACE_KIND_COUNT];
    uint32_t wants_write, disconnects;
    int disconnect_err;
    enum algorand_verdict verdict;
    struct algorand_config config;
    uint8_t last_id[32];
    char last_tag[3];
    uint32_t last_from, last_size;
    const uint8_t *last_frame;
    uint32_t reject_code;
    char sent[WSNET_SENT_MAX]; /* first letters of the tags of what was pulled */
    uint32_t sent_count;
    uint64_t hash; /* of all events */
    bool answers;  /* broadcasts a reply out of deliver */
};

extern struct wsnet_node wsnet[WSNET_NODES_MAX];
extern uint64_t wsnet_now;

int wsnet_set_up(void **state);
int wsnet_tear_down(void **state);

struct span wsnet_text(const char *t);

/* A node with the default settings; set others, then start it. */
struct wsnet_node *wsnet_make(int index, bool relay);
void wsnet_start(struct wsnet_node *n);
void wsnet_join(uint32_t dialler, uint32_t listener, enum algorand_version version);
void wsnet_settle(void); /* carries bytes until none are left */

/* A relay in wsnet[0] with a ready peer in slot 1 that the test plays itself. */
struct wsnet_node *wsnet_with_ready_peer(void);
int wsnet_feed_hex(struct wsnet_node *n, const char *hex); /* from slot 1 */
/* One message whose payload is `size` times `fill`. */
int wsnet_feed_message(struct wsnet_node *n, uint32_t peer, const char *tag, size_t size,
                       uint8_t fill);
/* All that the node has for the peer; the last result of algorand_pull. */
int wsnet_drain(struct wsnet_node *n, uint32_t peer, struct chain *out);
/* Pulls all that the node has for the peer; how many frames that was. */
uint32_t wsnet_count_waiting(struct wsnet_node *n, uint32_t peer);

#endif
