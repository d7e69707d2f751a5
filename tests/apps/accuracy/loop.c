/* loop PORT BACK_PORT: one thread, one loop on epoll or, compiled with -DPOLL, on poll; kept connections on both sides. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 4096, MANY = 4096 };
enum role { LISTENER, CLIENT, BACK };

struct request {
    struct connection *client; /* NULL once it is answered */
    char kind[8], id[64];
    int open, second;
    uint64_t due;
};

struct connection {
    int fd;
    enum role role;
    size_t length;
    struct request *request; /* of a BACK: what it is asked for */
    char buffer[BUFFER];
};

static uint16_t back_port;
static struct connection *idle[MANY];
static size_t idle_count;
static struct request *waiting[MANY];
static size_t waiting_count;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000ull + time.tv_nsec / 1000;
}

#ifdef POLL
static struct connection *watched[2 * MANY];
static nfds_t watched_count;

static void add(struct connection *connection) {
    if (watched_count == 2 * MANY) exit(1);
    watched[watched_count++] = connection;
}

static void forget(struct connection *connection) {
    nfds_t at = 0;
    while (watched[at] != connection) at++;
    watched[at] = watched[--watched_count];
}

/* What can be read from, at most `most`. */
static int wait_for(struct connection **ready, int most, int timeout) {
    static struct pollfd fds[2 * MANY];
    int count = 0;
    for (nfds_t at = 0; at < watched_count; at++) fds[at] = (struct pollfd){.fd = watched[at]->fd, .events = POLLIN};
    if (poll(fds, watched_count, timeout) < 0) fail("poll");
    for (nfds_t at = 0; at < watched_count && count < most; at++) {
        if (fds[at].revents) ready[count++] = watched[at];
    }
    return count;
}
#else
static int loop;

static void add(struct connection *connection) {
    if (!loop && (loop = epoll_create1(0)) < 0) fail("epoll_create1");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(loop, EPOLL_CTL_ADD, connection->fd, &event)) fail("epoll_ctl");
}

/* Closing it is enough. */
static void forget(struct connection *connection) { (void)connection; }

/* What can be read from, at most `most`. */
static int wait_for(struct connection **ready, int most, int timeout) {
    struct epoll_event events[most];
    int count = epoll_wait(loop, events, most, timeout);
    for (int at = 0; at < count; at++) ready[at] = events[at].data.ptr;
    return count;
}
#endif

static struct connection *watch(int fd, enum role role) {
    struct connection *connection = calloc(1, sizeof *connection);
    int on = 1;
    if (!connection) fail("calloc");
    connection->fd = fd;
    connection->role = role;
    if (role != LISTENER) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    add(connection);
    return connection;
}

static void send_all(struct connection *connection, const char *text) {
    if (write(connection->fd, text, strlen(text)) < 0) perror("write");
}

/* FNV-1a, 64 bits, of `ID:CALL`: no byte of the path says which request it belongs to. */
static void call(struct request *request, int number) {
    char text[128];
    uint64_t hash = 0xcbf29ce484222325ull;
    snprintf(text, sizeof text, "%s:%d", request->id, number);
    for (const char *at = text; *at; at++) hash = (hash ^ (unsigned char)*at) * 0x100000001b3ull;
    struct connection *back;
    if (idle_count) {
        back = idle[--idle_count];
    } else {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(back_port)};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
        back = watch(fd, BACK);
    }
    back->request = request;
    back->length = 0;
    request->open++;
    snprintf(text, sizeof text, "GET /back/%016llx HTTP/1.1\r\nHost: back\r\n\r\n", (unsigned long long)hash);
    send_all(back, text);
}

static void answer(struct request *request) {
    if (request->client) send_all(request->client, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n");
    request->client = NULL;
}

static void wait_some(struct request *request) {
    if (waiting_count == MANY) exit(1);
    request->due = now_us() + rand() % 20000;
    waiting[waiting_count++] = request;
}

static void start(struct connection *client) {
    struct request *request = calloc(1, sizeof *request);
    if (!request || sscanf(client->buffer, "GET /front/%7[^/]/%63[^ ]", request->kind, request->id) != 2) exit(1);
    request->client = client;
    client->length = 0;
    if (!strcmp(request->kind, "wait")) {
        wait_some(request);
    } else if (!strcmp(request->kind, "later")) {
        answer(request);
        wait_some(request);
    } else {
        if (!strcmp(request->kind, "after")) answer(request);
        request->second = !strcmp(request->kind, "seq");
        call(request, 1);
        if (!strcmp(request->kind, "par")) call(request, 2);
    }
}

static void finish(struct connection *back) {
    struct request *request = back->request;
    back->request = NULL;
    if (idle_count == MANY) exit(1);
    idle[idle_count++] = back;
    request->open--;
    if (request->second) {
        request->second = 0;
        call(request, 2);
    } else if (!request->open) {
        answer(request);
        free(request);
    }
}

static void readable(struct connection *connection) {
    ssize_t count = read(connection->fd, connection->buffer + connection->length, BUFFER - 1 - connection->length);
    if (count <= 0) {
        /* The benchmark closes only what is answered; the back service closes nothing. */
        if (connection->role == BACK) exit(1);
        forget(connection);
        close(connection->fd);
        free(connection);
        return;
    }
    connection->length += count;
    connection->buffer[connection->length] = 0;
    char *end = strstr(connection->buffer, "\r\n\r\n");
    if (end && connection->role == CLIENT) start(connection);
    else if (end && !strcmp(end + 4, "ok\n")) finish(connection);
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    back_port = atoi(arguments[2]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1024)) fail("listen");
    watch(fd, LISTENER);
    for (;;) {
        struct connection *ready[64];
        int count = wait_for(ready, 64, waiting_count ? 1 : -1);
        for (int at = 0; at < count; at++) {
            struct connection *connection = ready[at];
            if (connection->role == LISTENER) {
                int client = accept(fd, NULL, NULL);
                if (client >= 0) watch(client, CLIENT);
            } else {
                readable(connection);
            }
        }
        uint64_t now = now_us();
        for (size_t at = 0; at < waiting_count;) {
            struct request *request = waiting[at];
            if (request->due > now) {
                at++;
                continue;
            }
            waiting[at] = waiting[--waiting_count];
            call(request, 1);
        }
    }
}
