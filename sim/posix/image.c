/* Reads and maps ELF executables (System V ABI, x86-64 supplement). */
#include "sim/posix/image.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENTS_MAX 16
#define UNKNOWN_SHOWN 6 /* symbols that nobody gives, named at most */
#define FILE_SIZE_MAX ((size_t)1 << 32)

/* One relocation, as it is done for each copy. */
struct place {
    uint32_t type;
    enum image_binding binding;
    uint64_t offset;
    int64_t addend;  /* of what is inside of the image: its offset in it */
    void *address;   /* IMAGE_FUNCTION */
    const char *name; /* IMAGE_DATA */
    uint64_t size;
};

struct image_file {
    char *path;
    int fd;
    const uint8_t *bytes; /* the whole file, read-only */
    size_t size, span;
    const ElfW(Ehdr) *header;
    const ElfW(Phdr) *segments;
    const ElfW(Phdr) *tls; /* NULL: none */
    const struct image_binder *binder;
    /* out of the dynamic section; addresses are offsets from the base */
    uint64_t strings, symbols, strings_size, init, init_array, init_array_size;
    uint64_t tables[2][2]; /* rela and jmprel: address, size */
    struct place *places;
    size_t place_count;
    char *error;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct image_file *f, const char *format, ...)
{
    int used = snprintf(f->error, IMAGE_ERROR_MAX, "%.160s: ", f->path);
    va_list args;

    va_start(args, format);
    vsnprintf(f->error + used, IMAGE_ERROR_MAX - (size_t)used, format, args);
    va_end(args);
    return false;
}

/* `size` bytes that the file gives for an address of the image; NULL when it has none. */
static const void *at(const struct image_file *f, uint64_t address, uint64_t size)
{
    for (int i = 0; i < f->header->e_phnum; i++) {
        const ElfW(Phdr) *p = &f->segments[i];

        if (p->p_type == PT_LOAD && address >= p->p_vaddr && address - p->p_vaddr <= p->p_filesz &&
            size <= p->p_filesz - (address - p->p_vaddr))
            return f->bytes + p->p_offset + (address - p->p_vaddr);
    }
    return NULL;
}

static const char *string_at(const struct image_file *f, uint64_t offset)
{
    const char *text = offset < f->strings_size ? at(f, f->strings + offset, f->strings_size - offset) : NULL;

    return text && memchr(text, '\0', f->strings_size - offset) ? text : NULL;
}

static bool read_file(struct image_file *f)
{
    struct stat st;
    void *bytes;

    f->fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (f->fd < 0 || fstat(f->fd, &st) != 0)
        return fail(f, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < sizeof *f->header || (uint64_t)st.st_size > FILE_SIZE_MAX)
        return fail(f, "is no program");
    f->size = (size_t)st.st_size;
    bytes = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, f->fd, 0);
    if (bytes == MAP_FAILED)
        return fail(f, "%s", strerror(errno));
    f->bytes = bytes;
    return true;
}

static bool check_header(struct image_file *f)
{
    static const uint8_t magic[] = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB};
    const ElfW(Ehdr) *h = f->header = (const void *)f->bytes;

    if (memcmp(h->e_ident, magic, sizeof magic) != 0)
        return fail(f, "is no program (a 64-bit ELF file is wanted; a script is none)");
    if (h->e_machine != EM_X86_64)
        return fail(f, "is for another machine (x86-64)");
    if (h->e_type != ET_DYN)
        return fail(f, "is not position-independent (link it with -pie)");
    if (h->e_phentsize != sizeof(ElfW(Phdr)) || h->e_phnum == 0 || h->e_phnum > 64 || h->e_phoff > f->size ||
        h->e_phnum * sizeof(ElfW(Phdr)) > f->size - h->e_phoff || h->e_phoff % 8)
        return fail(f, "has no program headers");
    f->segments = (const void *)(f->bytes + h->e_phoff);
    return true;
}

static bool check_segments(struct image_file *f)
{
    bool interpreter = false;

    for (int i = 0; i < f->header->e_phnum; i++) {
        const ElfW(Phdr) *p = &f->segments[i];

        interpreter |= p->p_type == PT_INTERP;
        if (p->p_type != PT_LOAD && p->p_type != PT_TLS)
            continue;
        if (p->p_offset > f->size || p->p_filesz > f->size - p->p_offset || p->p_filesz > p->p_memsz ||
            p->p_vaddr > FILE_SIZE_MAX || p->p_memsz > FILE_SIZE_MAX || (p->p_type == PT_LOAD && p->p_vaddr % 4096 != p->p_offset % 4096))
            return fail(f, "has a broken segment");
        if (p->p_type == PT_TLS) {
            if (p->p_align > 64 || (p->p_align && p->p_vaddr % p->p_align))
                return fail(f, "has thread-local variables with a strange alignment");
            f->tls = p;
            continue;
        }
        if (p->p_vaddr + p->p_memsz > f->span)
            f->span = p->p_vaddr + p->p_memsz;
    }
    f->span = (f->span + 4095) & ~(size_t)4095;
    if (!interpreter)
        return fail(f, "is linked statically: its calls cannot be carried (link it dynamically)");
    return true;
}

static bool take_entry(struct image_file *f, const ElfW(Dyn) *d)
{
    switch (d->d_tag) {
    case DT_STRTAB:
        f->strings = d->d_un.d_ptr;
        return true;
    case DT_STRSZ:
        f->strings_size = d->d_un.d_val;
        return true;
    case DT_SYMTAB:
        f->symbols = d->d_un.d_ptr;
        return true;
    case DT_INIT:
        f->init = d->d_un.d_ptr;
        return true;
    case DT_INIT_ARRAY:
        f->init_array = d->d_un.d_ptr;
        return true;
    case DT_INIT_ARRAYSZ:
        f->init_array_size = d->d_un.d_val;
        return true;
    case DT_RELA:
        f->tables[0][0] = d->d_un.d_ptr;
        return true;
    case DT_RELASZ:
        f->tables[0][1] = d->d_un.d_val;
        return true;
    case DT_JMPREL:
        f->tables[1][0] = d->d_un.d_ptr;
        return true;
    case DT_PLTRELSZ:
        f->tables[1][1] = d->d_un.d_val;
        return true;
    case DT_TEXTREL:
        return fail(f, "has relocations in its text (compile it with -fPIE)");
    case DT_PREINIT_ARRAY:
    case 36: /* DT_RELR */
        return fail(f, "has dynamic entry %lld, which is not carried", (long long)d->d_tag);
    default:
        return true;
    }
}

static const ElfW(Dyn) *dynamic_of(const struct image_file *f, size_t *count)
{
    for (int i = 0; i < f->header->e_phnum; i++)
        if (f->segments[i].p_type == PT_DYNAMIC) {
            *count = f->segments[i].p_filesz / sizeof(ElfW(Dyn));
            return at(f, f->segments[i].p_vaddr, f->segments[i].p_filesz);
        }
    return NULL;
}

static bool read_dynamic(struct image_file *f)
{
    size_t count = 0;
    const ElfW(Dyn) *d = dynamic_of(f, &count);

    for (size_t i = 0; d && i < count && d[i].d_tag != DT_NULL; i++)
        if (!take_entry(f, &d[i]))
            return false;
    if (!d || !f->strings || !f->symbols)
        return fail(f, "has no dynamic section");
    for (size_t i = 0; i < count && d[i].d_tag != DT_NULL; i++) {
        const char *name = d[i].d_tag == DT_NEEDED ? string_at(f, d[i].d_un.d_val) : NULL;

        if (d[i].d_tag == DT_NEEDED && (!name || !f->binder->knows_library(name)))
            return fail(f, "needs the library %.80s, which is not known here", name ? name : "(unnamed)");
    }
    return true;
}

static bool note_symbol(struct image_file *f, struct place *p, uint64_t index, char *unknown, uint32_t *unknown_count)
{
    const ElfW(Sym) *s = at(f, f->symbols + index * sizeof *s, sizeof *s);
    const char *name = s ? string_at(f, s->st_name) : NULL;
    bool own = s && s->st_shndx != SHN_UNDEF;

    if (!name)
        return fail(f, "has a broken table of symbols");
    p->size = s->st_size;
    if (own && p->type != R_X86_64_COPY) {
        p->addend += (int64_t)s->st_value;
        p->name = name;
        p->binding = IMAGE_UNKNOWN; /* inside */
        return true;
    }
    p->name = name;
    p->binding = f->binder->bind(name, &p->address);
    if (p->binding == IMAGE_UNKNOWN && ELF64_ST_BIND(s->st_info) == STB_WEAK) {
        p->binding = IMAGE_FUNCTION; /* as good as none */
        p->address = NULL;
    }
    if (p->binding != IMAGE_UNKNOWN)
        return true;
    if ((*unknown_count)++ < UNKNOWN_SHOWN)
        snprintf(unknown + strlen(unknown), 200 - strlen(unknown), "%s%.40s", *unknown_count > 1 ? ", " : "", name);
    return true;
}

/* Whether it is of a kind that is carried; what its symbol is. */
static bool note_place(struct image_file *f, const ElfW(Rela) *r, char *unknown, uint32_t *unknown_count)
{
    struct place *p = &f->places[f->place_count];

    *p = (struct place){.type = (uint32_t)ELF64_R_TYPE(r->r_info), .offset = r->r_offset, .addend = r->r_addend};
    if (p->type == R_X86_64_NONE)
        return true;
    if (r->r_offset > f->span - 8)
        return fail(f, "has a broken relocation");
    f->place_count++;
    switch (p->type) {
    case R_X86_64_RELATIVE:
    case R_X86_64_IRELATIVE:
        return true;
    case R_X86_64_TPOFF64:
        if (ELF64_R_SYM(r->r_info) && !note_symbol(f, p, ELF64_R_SYM(r->r_info), unknown, unknown_count))
            return false;
        return p->binding == IMAGE_UNKNOWN || fail(f, "uses the thread-local variable %.60s of a library", p->name);
    case R_X86_64_64:
    case R_X86_64_GLOB_DAT:
    case R_X86_64_JUMP_SLOT:
    case R_X86_64_COPY:
        if (p->type == R_X86_64_GLOB_DAT || p->type == R_X86_64_JUMP_SLOT)
            p->addend = 0;
        return note_symbol(f, p, ELF64_R_SYM(r->r_info), unknown, unknown_count);
    default:
        return fail(f, "has relocations of type %u, which are not carried", p->type);
    }
}

static bool read_places(struct image_file *f)
{
    char unknown[200] = "";
    uint32_t unknown_count = 0;

    for (int t = 0; t < 2; t++) {
        size_t count = f->tables[t][1] / sizeof(ElfW(Rela));
        const ElfW(Rela) *r = at(f, f->tables[t][0], f->tables[t][1]);

        if (count && !r)
            return fail(f, "has a broken table of relocations");
        f->places = mem_grow(f->places, f->place_count + count + 1, sizeof *f->places);
        for (size_t i = 0; i < count; i++)
            if (!note_place(f, &r[i], unknown, &unknown_count))
                return false;
    }
    if (unknown_count > UNKNOWN_SHOWN)
        snprintf(unknown + strlen(unknown), sizeof unknown - strlen(unknown), " and %u more", unknown_count - UNKNOWN_SHOWN);
    return !unknown_count || fail(f, "calls what is not carried here: %s", unknown);
}

struct image_file *image_open(const char *path, const struct image_binder *binder, char error[static IMAGE_ERROR_MAX])
{
    struct image_file *f = mem_zalloc(sizeof *f);

    f->path = mem_strdup(path);
    f->fd = -1;
    f->binder = binder;
    f->error = error;
    if (read_file(f) && check_header(f) && check_segments(f) && read_dynamic(f) && read_places(f))
        return f;
    image_close(f);
    return NULL;
}

void image_close(struct image_file *f)
{
    if (!f)
        return;
    if (f->bytes)
        munmap((void *)(uintptr_t)f->bytes, f->size);
    if (f->fd >= 0)
        close(f->fd);
    mem_free(f->places);
    mem_free(f->path);
    mem_free(f);
}

size_t image_tls_size(const struct image_file *f)
{
    uint64_t align = f->tls && f->tls->p_align ? f->tls->p_align : 1;

    return f->tls ? (f->tls->p_memsz + align - 1) / align * align : 0;
}

void image_tls_init(const struct image *i, uint8_t *out)
{
    size_t size = image_tls_size(i->file);

    if (!size)
        return;
    memset(out, 0, size);
    memcpy(out, i->base + i->file->tls->p_vaddr, i->file->tls->p_filesz);
}

/* ---- a copy ---- */

static int protection(const ElfW(Phdr) *p)
{
    return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) | (p->p_flags & PF_X ? PROT_EXEC : 0);
}

/* The file's pages, then zeros. */
static bool map_segment(const struct image *i, const ElfW(Phdr) *p)
{
    uint64_t start = p->p_vaddr & ~UINT64_C(4095), head = p->p_vaddr - start;
    uint64_t of_file = (head + p->p_filesz + 4095) & ~UINT64_C(4095), whole = (head + p->p_memsz + 4095) & ~UINT64_C(4095);
    uint8_t *to = i->base + start;

    if (p->p_filesz && mmap(to, of_file, protection(p), MAP_PRIVATE | MAP_FIXED, i->file->fd, (off_t)(p->p_offset - head)) == MAP_FAILED)
        return false;
    if (!p->p_filesz)
        of_file = 0;
    if (whole > of_file && mmap(to + of_file, whole - of_file, protection(p), MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
        return false;
    if (p->p_filesz && p->p_memsz > p->p_filesz && p->p_flags & PF_W)
        memset(to + head + p->p_filesz, 0, of_file - head - p->p_filesz);
    return true;
}

static uint64_t value_of(const struct image *i, const struct place *p, void *ctx)
{
    const struct image_file *f = i->file;
    uint64_t inside = (uint64_t)(uintptr_t)i->base + (uint64_t)p->addend;

    switch (p->type) {
    case R_X86_64_TPOFF64:
        return (uint64_t)p->addend - image_tls_size(f);
    case R_X86_64_IRELATIVE:
        return (uint64_t)((uintptr_t(*)(void))(uintptr_t)inside)();
    default:
        break;
    }
    switch (p->binding) {
    case IMAGE_FUNCTION:
        return (uint64_t)(uintptr_t)p->address + (p->address ? (uint64_t)p->addend : 0);
    case IMAGE_DATA:
        return (uint64_t)(uintptr_t)f->binder->data(ctx, p->name, NULL, p->size) + (uint64_t)p->addend;
    case IMAGE_UNKNOWN:
        break;
    }
    return inside;
}

static void relocate(const struct image *i, void *ctx)
{
    const struct image_file *f = i->file;

    /* The variables find their places before anything points to them; resolvers run last. */
    for (int pass = 0; pass < 3; pass++)
        for (size_t k = 0; k < f->place_count; k++) {
            const struct place *p = &f->places[k];
            uint8_t *to = i->base + p->offset;
            uint64_t value;

            if (pass != (p->type == R_X86_64_COPY ? 0 : p->type == R_X86_64_IRELATIVE ? 2 : 1))
                continue;
            if (pass == 0 && p->binding == IMAGE_DATA) {
                f->binder->data(ctx, p->name, to, p->size);
            } else if (pass == 0) {
                memcpy(to, p->address, p->size);
            } else {
                value = value_of(i, p, ctx);
                memcpy(to, &value, sizeof value);
            }
        }
}

bool image_map(struct image *i, const struct image_file *f, void *ctx, char error[static IMAGE_ERROR_MAX])
{
    void *base = mmap(NULL, f->span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bool ok = base != MAP_FAILED;

    *i = (struct image){.file = f, .base = ok ? base : NULL};
    for (int k = 0; ok && k < f->header->e_phnum; k++)
        ok = f->segments[k].p_type != PT_LOAD || map_segment(i, &f->segments[k]);
    if (!ok) {
        snprintf(error, IMAGE_ERROR_MAX, "%.160s: cannot be mapped once more: %s", f->path, strerror(errno));
        image_unmap(i);
        return false;
    }
    relocate(i, ctx);
    i->entry = (void (*)(void))(uintptr_t)(i->base + f->header->e_entry);
    return true;
}

void image_unmap(struct image *i)
{
    if (i->base)
        munmap(i->base, i->file->span);
    i->base = NULL;
}

bool image_holds(const struct image *i, const void *address)
{
    return i->base && (uintptr_t)address - (uintptr_t)i->base < i->file->span;
}

void image_construct(const struct image *i, int argc, char **argv, char **environment)
{
    const struct image_file *f = i->file;
    void (*const *array)(int, char **, char **) = (void *)(i->base + f->init_array);

    if (f->init)
        ((void (*)(int, char **, char **))(uintptr_t)(i->base + f->init))(argc, argv, environment);
    for (size_t k = 0; k < f->init_array_size / sizeof *array; k++)
        array[k](argc, argv, environment);
}

void image_headers(const struct image *i, void **headers, size_t *count)
{
    *headers = i->base + i->file->header->e_phoff;
    *count = i->file->header->e_phnum;
}
