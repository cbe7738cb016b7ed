/* Key files: a strict reader of one shape of DER inside PEM. */
#include "sim/live/keyfile.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/wire/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEGIN "-----BEGIN PRIVATE KEY-----"
#define END "-----END PRIVATE KEY-----"
#define DER_SIZE_MAX 256

/* SEQUENCE { INTEGER 0, SEQUENCE { OID 1.3.101.112 }, OCTET STRING { OCTET STRING seed } } up to
 * the seed. */
static const uint8_t der_head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                   0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
static const uint8_t oid_ed25519[] = {0x2b, 0x65, 0x70};

enum der_tag {
    DER_INTEGER = 0x02,
    DER_OCTETS = 0x04,
    DER_OID = 0x06,
    DER_SEQUENCE = 0x30,
    DER_ATTRIBUTES = 0xa0, /* [0], left alone */
    DER_PUBLIC_KEY = 0x81  /* [1] IMPLICIT BIT STRING */
};

/* The value with that tag that comes next. Lengths of a key fit one byte, or 0x81 and one. */
static struct slice der_value(struct cursor *c, uint8_t tag)
{
    uint8_t got = cursor_u8(c);
    uint8_t size = cursor_u8(c);

    if (size == 0x81) {
        size = cursor_u8(c);
        c->bad |= size < 0x80;
    } else if (size > 0x80) {
        c->bad = true;
    }
    c->bad |= got != tag;
    return cursor_bytes(c, size);
}

static const char *read_optional(struct cursor *key, struct slice seed)
{
    struct slice public_key = {0};
    uint8_t expected[ED25519_PUBLIC_SIZE], secret[ED25519_SECRET_SIZE];

    if (!cursor_at_end(key) && *key->at == DER_ATTRIBUTES)
        der_value(key, DER_ATTRIBUTES);
    if (!cursor_at_end(key) && *key->at == DER_PUBLIC_KEY)
        public_key = der_value(key, DER_PUBLIC_KEY);
    if (key->bad || !cursor_at_end(key))
        return "is malformed: bytes after the key";
    if (!public_key.data)
        return NULL;
    ed25519_keypair(expected, secret, seed.data);
    crypto_wipe(secret, sizeof secret);
    if (public_key.size != 1 + sizeof expected || public_key.data[0] != 0 ||
        memcmp(public_key.data + 1, expected, sizeof expected) != 0)
        return "holds a public key that is not the private key's";
    return NULL;
}

static const char *read_der(struct slice der, uint8_t seed[static ED25519_SEED_SIZE])
{
    struct cursor outer = cursor_of(der);
    struct cursor key = cursor_of(der_value(&outer, DER_SEQUENCE));
    struct slice version, oid, value;
    struct cursor algorithm, octets;
    const char *wrong;

    if (outer.bad || !cursor_at_end(&outer))
        return "is malformed: not one DER sequence";
    version = der_value(&key, DER_INTEGER);
    algorithm = cursor_of(der_value(&key, DER_SEQUENCE));
    octets = cursor_of(der_value(&key, DER_OCTETS));
    oid = der_value(&algorithm, DER_OID);
    if (key.bad || algorithm.bad || version.size != 1 || version.data[0] > 1)
        return "is malformed: not a PKCS#8 key";
    if (!slice_equal(oid, slice_of(oid_ed25519, sizeof oid_ed25519)))
        return "holds a key of another kind (only Ed25519 is understood)";
    value = der_value(&octets, DER_OCTETS);
    if (!cursor_at_end(&algorithm) || octets.bad || !cursor_at_end(&octets) ||
        value.size != ED25519_SEED_SIZE)
        return "is malformed: the Ed25519 key has not 32 bytes";
    wrong = read_optional(&key, value);
    if (!wrong)
        memcpy(seed, value.data, ED25519_SEED_SIZE);
    return wrong;
}

/* The text between two marks, white space left out; `out` has room for all of it. */
static size_t compact(struct slice s, char *out)
{
    size_t size = 0;

    for (size_t i = 0; i < s.size; i++)
        if (!strchr(" \t\r\n", s.data[i]) || s.data[i] == '\0')
            out[size++] = (char)s.data[i];
    return size;
}

static const uint8_t *find(struct slice s, const char *mark)
{
    return s.size ? memmem(s.data, s.size, mark, strlen(mark)) : NULL;
}

const char *keyfile_decode(struct slice text, uint8_t seed[static ED25519_SEED_SIZE])
{
    const uint8_t *begin = find(text, BEGIN), *end;
    char base64[KEYFILE_SIZE_MAX];
    uint8_t der[DER_SIZE_MAX];
    const char *wrong;
    size_t size;
    int decoded;

    if (text.size > KEYFILE_SIZE_MAX)
        return "is too large for a key file";
    if (!begin)
        return find(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----")
                   ? "is encrypted; a plain key is needed"
                   : "holds no PRIVATE KEY block";
    begin += sizeof BEGIN - 1;
    end = find(slice_of(begin, text.size - (size_t)(begin - text.data)), END);
    if (!end)
        return "is cut short: the PRIVATE KEY block has no end";
    size = compact(slice_of(begin, (size_t)(end - begin)), base64);
    decoded = text_decode(TEXT_BASE64, slice_of(base64, size), der, sizeof der);
    wrong = decoded < 0 ? "is malformed: the PRIVATE KEY block is no base64 of a key"
                        : read_der(slice_of(der, (size_t)decoded), seed);
    crypto_wipe(base64, sizeof base64);
    crypto_wipe(der, sizeof der);
    return wrong;
}

size_t keyfile_encode(const uint8_t seed[static ED25519_SEED_SIZE],
                      char out[static KEYFILE_TEXT_MAX])
{
    uint8_t der[sizeof der_head + ED25519_SEED_SIZE];
    size_t size = sizeof BEGIN;

    memcpy(der, der_head, sizeof der_head);
    memcpy(der + sizeof der_head, seed, ED25519_SEED_SIZE);
    memcpy(out, BEGIN "\n", size);
    size +=
        text_encode(TEXT_BASE64, slice_of(der, sizeof der), out + size, KEYFILE_TEXT_MAX - size);
    CHECK(sizeof END + 1 <= KEYFILE_TEXT_MAX - size);
    memcpy(out + size, "\n" END "\n", sizeof END + 1);
    crypto_wipe(der, sizeof der);
    return size + sizeof END + 1;
}

static void set_error(char *error, const char *path, const char *what)
{
    snprintf(error, KEYFILE_ERROR_MAX, "%.160s: %s", path, what);
}

static bool read_file(int fd, const char *path, uint8_t *seed, char *error)
{
    char text[KEYFILE_SIZE_MAX + 1];
    size_t size = 0;
    ssize_t n = 1;
    const char *wrong;

    while (n > 0 && size < sizeof text) {
        n = read(fd, text + size, sizeof text - size);
        size += n > 0 ? (size_t)n : 0;
    }
    wrong = n < 0 ? strerror(errno) : keyfile_decode(slice_of(text, size), seed);
    crypto_wipe(text, sizeof text);
    if (wrong)
        set_error(error, path, wrong);
    return !wrong;
}

static bool write_file(int fd, const char *path, const uint8_t *seed, char *error)
{
    char text[KEYFILE_TEXT_MAX];
    size_t size = keyfile_encode(seed, text);
    bool ok = write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;

    crypto_wipe(text, sizeof text);
    if (!ok) {
        set_error(error, path, strerror(errno));
        unlink(path); /* half a key is worse than none */
    }
    return ok;
}

bool keyfile_open(const char *path, uint8_t seed[static ED25519_SEED_SIZE], bool *created,
                  char error[static KEYFILE_ERROR_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok;

    *created = fd < 0 && errno == ENOENT;
    if (*created) {
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0 && getrandom(seed, ED25519_SEED_SIZE, 0) != ED25519_SEED_SIZE) {
            close(fd);
            fd = -1;
        }
    }
    if (fd < 0) {
        set_error(error, path, strerror(errno));
        return false;
    }
    ok = *created ? write_file(fd, path, seed, error) : read_file(fd, path, seed, error);
    close(fd);
    return ok;
}
