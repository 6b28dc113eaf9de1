/* Faults in system calls: preloaded into a test.

   Calls on files below one folder are counted in the order in which they come. The call with the
   chosen number meets a fault: an errno, a write that is cut short, or the death of the process.
   Or, while the file FAULT_RULE exists and says "errno call part", every call of that name on a
   path with that part fails. Every other call is the real one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KILL = 1001, SHORT, TORN, DESCRIPTORS = 4096 };

static char root[4096];
static const char *rule;
static size_t root_length;
static int chosen, fault, log_to = -1;
static atomic_int count;
static pid_t owner;
static unsigned char ours[DESCRIPTORS];

/* Count calls below a folder from now on; the n-th meets the fault. */
void fault_arm(const char *folder, int n, int kind, int log)
{
    snprintf(root, sizeof root, "%s", folder);
    root_length = strlen(root);
    chosen = n, fault = kind, log_to = log;
    atomic_store(&count, 0);
    owner = getpid();
}

__attribute__((constructor)) static void from_environment(void)
{
    if ((rule = getenv("FAULT_RULE")) && getenv("FAULT_ROOT")) fault_arm(getenv("FAULT_ROOT"), 0, 0, -1);
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int below(const char *path) { return root_length && path && !strncmp(path, root, root_length); }
static int held(int fd) { return fd >= 0 && fd < DESCRIPTORS && ours[fd]; }

/* The errno that the rule has for a call, 0 for none. */
static int ruled(const char *call, const char *path)
{
    char text[512] = "", name[64], part[256];
    int kind = 0, from = syscall(SYS_openat, AT_FDCWD, rule, O_RDONLY);
    if (from < 0) return 0;
    syscall(SYS_read, from, text, sizeof text - 1);
    syscall(SYS_close, from);
    if (sscanf(text, "%d %63s %255s", &kind, name, part) != 3) return 0;
    return !strncmp(call, name, strlen(name)) && strstr(path, part) ? kind : 0;
}

/* The fault that this call meets, 0 for none. A dead process does not return. */
static int meets(const char *call, const char *path, int fd, int writes)
{
    char name[4096] = "", line[4600], link[64];
    int now = atomic_fetch_add(&count, 1) + 1;
    if (!path && (rule || log_to >= 0)) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        if (readlink(link, name, sizeof name - 1) > 0) path = name;
    }
    if (rule) return path ? ruled(call, path) : 0;
    if (log_to >= 0) {
        int size = snprintf(line, sizeof line, "%s %s\n", call, path ? path + root_length : "");
        syscall(SYS_write, log_to, line, size);
    }
    if (now != chosen) return 0;
    if (fault == KILL) die();
    return writes || fault < KILL ? fault : 0;
}

static int fails(int met) { errno = met; return -1; }

#define REAL(name) ({ static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); real; })
#define PATH_CALL(name, parameters, arguments, path) \
    int name parameters { int met; \
        if (below(path) && (met = meets(#name, path, -1, 0))) return fails(met); \
        return REAL(name) arguments; }
#define FILE_CALL(name, parameters, arguments) \
    int name parameters { int met; \
        if (held(fd) && (met = meets(#name, NULL, fd, 0))) return fails(met); \
        return REAL(name) arguments; }
#define MODE(flags) mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list rest; va_start(rest, flags); \
        mode = va_arg(rest, mode_t); va_end(rest); }
#define OPENED(call, path) { int met, fd; \
    if (!below(path)) return call; \
    if ((met = meets("open", path, -1, 0))) return fails(met); \
    if ((fd = call) >= 0 && fd < DESCRIPTORS) ours[fd] = 1; \
    return fd; }
#define WRITES(name, parameters, whole, half, size) \
    ssize_t name parameters { int met = 0; ssize_t done; \
        if (held(fd)) met = meets(#name, NULL, fd, 1); \
        if (!met) return whole; \
        if (met < KILL) return fails(met); \
        done = half; \
        if (met == TORN) die(); \
        return done; }

int open(const char *path, int flags, ...) { MODE(flags) OPENED(REAL(open)(path, flags, mode), path) }
int open64(const char *path, int flags, ...) { MODE(flags) OPENED(REAL(open64)(path, flags, mode), path) }
int openat(int at, const char *path, int flags, ...) { MODE(flags) OPENED(REAL(openat)(at, path, flags, mode), path) }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) OPENED(REAL(openat64)(at, path, flags, mode), path) }

int close(int fd)
{
    /* A child between vfork and exec has our memory, and descriptors of its own. */
    if (getpid() != owner) return REAL(close)(fd);
    int met = held(fd) ? meets("close", NULL, fd, 0) : 0;
    if (fd >= 0 && fd < DESCRIPTORS) ours[fd] = 0;
    int done = REAL(close)(fd); /* Linux lets go of it, whatever it answers */
    return met ? fails(met) : done;
}

PATH_CALL(mkdir, (const char *path, mode_t mode), (path, mode), path)
PATH_CALL(rmdir, (const char *path), (path), path)
PATH_CALL(unlink, (const char *path), (path), path)
PATH_CALL(rename, (const char *from, const char *path), (from, path), path)
PATH_CALL(link, (const char *from, const char *path), (from, path), path)
PATH_CALL(linkat, (int a, const char *from, int b, const char *path, int flags), (a, from, b, path, flags), path)
PATH_CALL(renameat, (int a, const char *from, int b, const char *path), (a, from, b, path), path)
PATH_CALL(unlinkat, (int at, const char *path, int flags), (at, path, flags), path)
PATH_CALL(chmod, (const char *path, mode_t mode), (path, mode), path)
FILE_CALL(fsync, (int fd), (fd))
FILE_CALL(fdatasync, (int fd), (fd))
FILE_CALL(ftruncate, (int fd, off_t size), (fd, size))
FILE_CALL(ftruncate64, (int fd, off64_t size), (fd, size))
FILE_CALL(fchmod, (int fd, mode_t mode), (fd, mode))
WRITES(write, (int fd, const void *from, size_t size), REAL(write)(fd, from, size), REAL(write)(fd, from, size / 2), size)
WRITES(pwrite, (int fd, const void *from, size_t size, off_t at), REAL(pwrite)(fd, from, size, at), REAL(pwrite)(fd, from, size / 2, at), size)
WRITES(pwrite64, (int fd, const void *from, size_t size, off64_t at), REAL(pwrite64)(fd, from, size, at), REAL(pwrite64)(fd, from, size / 2, at), size)

ssize_t pread64(int fd, void *into, size_t size, off64_t at)
{
    int met = held(fd) ? meets("pread64", NULL, fd, 0) : 0;
    return met ? fails(met) : REAL(pread64)(fd, into, size, at);
}

ssize_t read(int fd, void *into, size_t size)
{
    int met = held(fd) ? meets("read", NULL, fd, 0) : 0;
    return met ? fails(met) : REAL(read)(fd, into, size);
}
