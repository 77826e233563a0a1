/* Preloaded into a process: the FAIL_SYNC-th fsync or fdatasync, and all after it, fail with EIO and sync nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

static int fails(void) {
  static long count = 0, first = -1;
  if (first < 0) {
    const char *text = getenv("FAIL_SYNC");
    first = text ? atol(text) : 0;
  }
  return first > 0 && ++count >= first;
}

static int call(const char *name, int fd) {
  if (fails()) {
    errno = EIO;
    return -1;
  }
  return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}

int fsync(int fd) { return call("fsync", fd); }
int fdatasync(int fd) { return call("fdatasync", fd); }
