/* Loaded before the C library by tests: syncs that fail, and a process that is stopped right after one.
 * The files that say so stand in the working directory. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static int synced(long call, int fd) {
    if (access("fail-syncs", F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    int done = (int)syscall(call, fd);
    if (done == 0 && unlink("stop-after-sync") == 0) kill(getpid(), SIGSTOP);
    errno = done == 0 ? 0 : errno;
    return done;
}

int fsync(int fd) { return synced(SYS_fsync, fd); }
int fdatasync(int fd) { return synced(SYS_fdatasync, fd); }
