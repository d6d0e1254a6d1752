/* For tests: a clock that a test sets, and a kernel that says of it what a test wants. CLOCK names a file of two 64-bit numbers, which may
   change at any time: seconds that the clock is ahead, and whether something synchronises it. Preloaded into the service and its children. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static volatile long long *clock_of_the_test(void) {
    static volatile long long *seen;
    if (!seen) {
        int file = open(getenv("CLOCK"), O_RDONLY | O_CLOEXEC);
        seen = mmap(NULL, 16, PROT_READ, MAP_SHARED, file, 0);
        close(file);
    }
    return seen;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += clock_of_the_test()[0];
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec time;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &time);
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}

int adjtimex(struct timex *about) {
    int synchronised = clock_of_the_test()[1] != 0;
    memset(about, 0, sizeof *about);
    about->status = synchronised ? 0 : STA_UNSYNC;
    return synchronised ? TIME_OK : TIME_ERROR;
}
