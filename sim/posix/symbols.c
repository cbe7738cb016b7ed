/* What a program's symbols are bound to. There are three kinds that a program may ask for: carried calls; functions that touch nothing
 * but their arguments, which are the C library's or another library's of this process; and functions that are known to touch the
 * world and are not carried, which end the program by name when they are called. A program that asks for anything else is not run. */
#include "sim/posix/internal.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <dlfcn.h>
#include <sys/mman.h>

/* ---- pure ones ---- */

/* A fortified twin (__memcpy_chk) of one of these is as good. */
static const char pure[] =
    " memcpy memmove memset memcmp memchr memrchr memmem mempcpy rawmemchr bcmp bcopy bzero explicit_bzero ffs ffsl ffsll swab"
    " strlen strnlen strcpy strncpy stpcpy stpncpy strcat strncat strcmp strncmp strcasecmp strncasecmp strcoll strxfrm strchr strrchr"
    " strchrnul strstr strcasestr strspn strcspn strpbrk strtok_r strsep strdup strndup strerror strerror_r __xpg_strerror_r strsignal"
    " sigabbrev_np sigdescr_np strerrorname_np index rindex basename dirname __xpg_basename"
    " isalnum isalpha isdigit isxdigit isspace isupper islower isprint isgraph iscntrl ispunct isblank toupper tolower"
    " __ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc __ctype_get_mb_cur_max localeconv mblen mbtowc wctomb mbstowcs wcstombs"
    " strtol strtoul strtoll strtoull strtod strtof strtold strtoimax strtoumax atoi atol atoll atof __isoc99_sscanf __isoc23_strtol"
    " __isoc23_strtoul __isoc23_strtoll __isoc23_strtoull __isoc23_sscanf sscanf vsscanf __isoc99_vsscanf"
    " snprintf vsnprintf sprintf vsprintf asprintf vasprintf qsort qsort_r bsearch lfind lsearch abs labs llabs div ldiv lldiv"
    " fprintf vfprintf fputs fputc putc fwrite fread fgets fgetc getc ungetc ferror feof clearerr fseek fseeko ftell ftello rewind setvbuf"
    " setbuf setlinebuf getline getdelim __getdelim fscanf __isoc99_fscanf fgetpos fsetpos _IO_putc _IO_getc __overflow __uflow fputs_unlocked"
    " fwrite_unlocked putc_unlocked getc_unlocked flockfile funlockfile open_memstream"
    " gmtime_r timegm strftime strptime asctime asctime_r difftime"
    " setjmp _setjmp sigsetjmp __sigsetjmp longjmp _longjmp siglongjmp __longjmp"
    " sigemptyset sigfillset sigaddset sigdelset sigismember __errno_location __sched_cpucount rand_r alloca"
    " htons htonl ntohs ntohl inet_pton inet_ntop inet_addr inet_aton inet_ntoa gai_strerror hstrerror in6addr_any in6addr_loopback"
    " pthread_self pthread_equal pthread_once pthread_mutex_init pthread_mutex_destroy pthread_mutex_trylock pthread_mutex_unlock"
    " pthread_mutexattr_init pthread_mutexattr_settype pthread_mutexattr_destroy pthread_cond_init pthread_cond_destroy"
    " pthread_cond_signal pthread_cond_broadcast pthread_attr_init pthread_attr_destroy pthread_attr_setinheritsched"
    " pthread_attr_setschedparam pthread_attr_setschedpolicy pthread_attr_setdetachstate pthread_attr_setstacksize"
    " OPENSSL_cleanse CRYPTO_memcmp SHA1 SHA256 SHA512 compress uncompress compressBound crc32 adler32 inflate inflateEnd inflateInit_"
    " inflateInit2_ inflateReset deflate deflateEnd deflateInit_ deflateInit2_ deflateReset deflateBound zlibVersion ";

/* With the suffixes f and l, too. */
static const char mathematics[] =
    " acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs fdim floor fma fmax fmin fmod frexp"
    " hypot ilogb ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround modf nan nearbyint nextafter pow remainder rint round"
    " scalbln scalbn sin sincos sinh sqrt tan tanh tgamma trunc exp10 fpclassify __fpclassify __finite __isinf __isnan __signbit ";

/* ---- known, and not carried ---- */

static const char trapped[] =
    " fork vfork clone execve execv execvp execvpe execl execlp execle fexecve posix_spawn posix_spawnp system popen pclose wait waitpid wait3"
    " wait4 waitid daemon setsid setpgid getpgid prctl ptrace setns unshare chroot syscall"
    " pthread_create pthread_join pthread_detach pthread_cancel pthread_exit pthread_cond_wait pthread_cond_timedwait pthread_kill"
    " pthread_rwlock_rdlock pthread_rwlock_wrlock pthread_rwlock_unlock pthread_barrier_wait thrd_create thrd_join sem_init sem_wait sem_post"
    " sem_timedwait pthread_setaffinity_np sched_setaffinity sched_setscheduler"
    " socketpair recvmmsg sendmmsg sendfile splice tee vmsplice gethostbyname gethostbyaddr getservbyname gethostbyname_r res_query"
    " opendir fdopendir readdir closedir scandir chdir fchdir getcwd realpath readlink symlink link chmod fchmod chown fchown truncate"
    " rmdir remove lstat fstatat openat mkdirat unlinkat renameat creat mkstemp mkostemp mkdtemp tmpfile tmpnam freopen flock lockf pread"
    " pwrite preadv pwritev fallocate posix_fallocate posix_fadvise statvfs fstatvfs statfs utime utimes futimens mkfifo mknod getdents64"
    " inotify_init inotify_init1 inotify_add_watch fanotify_init memfd_create shm_open mremap msync mlock mlockall brk sbrk"
    " malloc_usable_size malloc_trim mallinfo2 timer_create timer_settime timer_delete setitimer getitimer alarm ualarm times"
    " sigsuspend sigwait sigwaitinfo sigtimedwait sigqueue sigaltstack setenv putenv unsetenv clearenv dlopen dlsym dlclose dlerror"
    " dl_iterate_phdr getauxval backtrace scanf vscanf __isoc99_scanf syslog openlog closelog getpwnam getpwuid getgrnam getlogin"
    " drand48 erand48 lrand48 mrand48 srand48 initstate setstate clock_settime settimeofday adjtimex getloadavg quick_exit at_quick_exit"
    " json_load_file json_dump_file json_loadfd json_dumpfd json_object_seed"
    " initstate_r random_r srandom_r setstate_r fopencookie __fwritable __fpurge getcontext makecontext swapcontext setcontext ";

/* Names that begin so are functions of libraries of this process. */
static const struct {
    const char *prefix;
    bool pure;
} families[] = {
    {"crypto_", true},  /* libsodium: see draws_itself */
    {"sodium_", true},  {"EVP_CIPHER_", true},    {"EVP_Cipher", true}, {"EVP_Encrypt", true}, {"EVP_Decrypt", true}, {"EVP_Digest", true},
    {"EVP_MD_", true},  {"EVP_sha", true},        {"EVP_aes_", true},   {"EVP_chacha20", true}, {"json_", true},
    {"fy_", true},      {"sqlite3_", false},      {"igraph_", false},
};

/* libsodium's functions that take random numbers from the machine. */
static bool draws_itself(const char *name)
{
    const char *end = strrchr(name, '_');

    if (strstr(name, "pwhash") || strstr(name, "seal") || strstr(name, "sodium_malloc") || strstr(name, "sodium_mprotect"))
        return true;
    return end && ((strcmp(end, "_keypair") == 0 && !strstr(name, "seed_keypair")) || strcmp(end, "_keygen") == 0 || strcmp(end, "_random") == 0 ||
                   strstr(name, "init_push"));
}

static bool lists(const char *words, const char *name, size_t size)
{
    for (const char *at = words; size && (at = strstr(at, name)) != NULL; at += size)
        if (at[-1] == ' ' && at[size] == ' ')
            return true;
    return false;
}

static bool in_list(const char *words, const char *name)
{
    char twin[64];
    size_t size = strlen(name);

    if (lists(words, name, size))
        return true;
    if (size < 8 || size >= sizeof twin || strncmp(name, "__", 2) != 0 || strcmp(name + size - 4, "_chk") != 0)
        return false;
    memcpy(twin, name + 2, size - 6);
    twin[size - 6] = '\0';
    return lists(words, twin, size - 6);
}

static bool is_mathematics(const char *name)
{
    char base[32];
    size_t size = strlen(name);

    if (lists(mathematics, name, size))
        return true;
    if (size < 2 || size >= sizeof base || (name[size - 1] != 'f' && name[size - 1] != 'l'))
        return false;
    memcpy(base, name, size - 1);
    base[size - 1] = '\0';
    return lists(mathematics, base, size - 1);
}

/* ---- variables ---- */

static const char variables[] = " stdin stdout stderr environ __environ _environ optarg optind opterr optopt program_invocation_name"
                                " program_invocation_short_name __progname ";

static uint64_t first_value(struct program *p, const char *name)
{
    static char *no_environment[1];
    static const char *const standard[] = {"stdin", "stdout", "stderr"};
    const char *slash;

    for (int i = 0; i < 3; i++)
        if (strcmp(name, standard[i]) == 0)
            return (uintptr_t)p->standard[i];
    if (strstr(name, "environ"))
        return (uintptr_t)no_environment;
    if (strcmp(name, "optind") == 0 || strcmp(name, "opterr") == 0)
        return 1;
    if (strcmp(name, "optopt") == 0)
        return '?';
    if (strcmp(name, "optarg") == 0)
        return 0;
    slash = strrchr(p->argv[0], '/');
    return (uintptr_t)(slash && strcmp(name, "program_invocation_name") != 0 ? slash + 1 : p->argv[0]);
}

void *variable_place(void *ctx, const char *symbol, void *own, size_t size)
{
    struct program *p = ctx;
    struct variable *v = p->variables;

    while (v < p->variables + p->variable_count && strcmp(v->name, symbol) != 0)
        v++;
    if (v == p->variables + p->variable_count) {
        CHECK(p->variable_count < PROGRAM_VARIABLES_MAX);
        p->variable_count++;
        *v = (struct variable){.name = symbol, .at = &v->own, .own = first_value(p, symbol)};
    }
    if (own) {
        memcpy(own, &v->own, size < sizeof v->own ? size : sizeof v->own);
        v->at = own;
    }
    return v->at;
}

/* ---- traps ---- */

_Noreturn static void trap(const char *name)
{
    program_stuck(call_enter(), "calls %s, which is not carried", name);
}

#if defined(__x86_64__)
/* A piece of code for each: it takes the name along, whatever the arguments were. */
static void *trap_new(const char *name)
{
    static uint8_t *page, *end;
    const uint64_t words[2] = {(uintptr_t)mem_strdup(name), (uintptr_t)trap};
    uint8_t code[] = {0x48, 0xbf, 0, 0, 0, 0, 0, 0, 0, 0, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0}; /* rdi = name; rax = trap; jmp rax */
    uint8_t *at;

    if (page == end) {
        page = mmap(NULL, 32768, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(page != MAP_FAILED);
        end = page + 32768;
    }
    at = page;
    page += 32;
    CHECK(mprotect((void *)((uintptr_t)at & ~(uintptr_t)4095), 4096, PROT_READ | PROT_WRITE) == 0);
    memcpy(code + 2, &words[0], 8);
    memcpy(code + 12, &words[1], 8);
    memcpy(at, code, sizeof code);
    CHECK(mprotect((void *)((uintptr_t)at & ~(uintptr_t)4095), 4096, PROT_READ | PROT_EXEC) == 0);
    return at;
}
#else
static void *trap_new(const char *name)
{
    (void)name;
    return (void *)(uintptr_t)trap;
}
#endif

/* ---- binding ---- */

static void *carried(const char *name)
{
    static const struct symbol *const tables[] = {calls_sockets, calls_files,  calls_time,  calls_stdio,
                                                  calls_process, calls_memory, calls_names, calls_threads};

    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct symbol *s = tables[t]; s->name; s++)
            if (strcmp(s->name, name) == 0)
                return s->address;
    return NULL;
}

static bool is_pure(const char *name)
{
    if (in_list(pure, name) || is_mathematics(name))
        return true;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strncmp(name, families[i].prefix, strlen(families[i].prefix)) == 0)
            return families[i].pure && !draws_itself(name) && !(families[i].prefix[0] == 'f' && strstr(name, "file"));
    return false;
}

static bool is_trapped(const char *name)
{
    if (in_list(trapped, name) || draws_itself(name))
        return true;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strncmp(name, families[i].prefix, strlen(families[i].prefix)) == 0)
            return true;
    return false;
}

static enum image_binding bind_symbol(const char *name, void **address)
{
    if (in_list(variables, name))
        return IMAGE_DATA;
    *address = carried(name);
    if (!*address && !in_list(trapped, name) && is_pure(name))
        *address = dlsym(RTLD_DEFAULT, name);
    if (!*address && is_trapped(name))
        *address = trap_new(name);
    return *address ? IMAGE_FUNCTION : IMAGE_UNKNOWN;
}

/* Libraries whose functions are above. A program's globals are its own; those of these libraries are this process's. */
static bool knows_library(const char *name)
{
    static const char *const known[] = {"libc.so.6",      "libm.so.6",       "libpthread.so.0", "librt.so.1",    "libdl.so.2",     "libgcc_s.so.1",
                                        "ld-linux-x86-64.so.2", "libsodium.so.23", "libcrypto.so.3",  "libjansson.so.4", "libfyaml.so.0", "libz.so.1",
                                        "libsqlite3.so.0", "libigraph.so.3"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], name) == 0)
            return true;
    return false;
}

const struct image_binder program_binder = {knows_library, bind_symbol, variable_place};
