// java JavaService.java PORT BACK pool|virtual|blocking: the JDK's HttpServer with a fixed pool of threads, or a virtual thread for each
// request; calls by java.net.http, or by HttpURLConnection.
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;

public class JavaService {
    static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    static String back;
    static boolean blocking;

    // FNV-1a, 64 bits, of `ID:CALL`: no byte of it says which request it belongs to.
    static String path(String id, int call) {
        long value = 0xcbf29ce484222325L;
        for (byte part : (id + ":" + call).getBytes()) {
            value = (value ^ part) * 0x100000001b3L;
        }
        return String.format("/back/%016x", value);
    }

    static void ask(String path) {
        try (InputStream body = URI.create(back + path).toURL().openStream()) {
            body.readAllBytes();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static CompletableFuture<?> call(String path) {
        if (blocking) {
            ask(path);
            return CompletableFuture.completedFuture(null);
        }
        HttpRequest request = HttpRequest.newBuilder(URI.create(back + path)).build();
        return CLIENT.sendAsync(request, HttpResponse.BodyHandlers.ofString());
    }

    static void answer(HttpExchange exchange) throws IOException {
        byte[] body = "ok\n".getBytes();
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    static void pause() {
        try {
            Thread.sleep(ThreadLocalRandom.current().nextInt(20));
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
        }
    }

    static void front(HttpExchange exchange) throws IOException {
        String[] parts = exchange.getRequestURI().getPath().split("/");
        String first = path(parts[3], 1);
        String second = path(parts[3], 2);
        switch (parts[2]) {
            case "one" -> call(first).join();
            case "seq" -> {
                call(first).join();
                call(second).join();
            }
            case "par" -> {
                // A pool of other threads makes them where a call blocks.
                if (blocking) {
                    CompletableFuture.allOf(
                            CompletableFuture.runAsync(() -> ask(first)), CompletableFuture.runAsync(() -> ask(second))).join();
                } else {
                    CompletableFuture.allOf(call(first), call(second)).join();
                }
            }
            case "wait" -> {
                pause();
                call(first).join();
            }
            default -> {
                answer(exchange);
                if (parts[2].equals("later")) {
                    pause();
                }
                call(first).join();
                return;
            }
        }
        answer(exchange);
    }

    // Virtual threads came with Java 21; this file is for older ones, too.
    static ExecutorService threads(String kind) throws ReflectiveOperationException {
        if (!kind.equals("virtual")) {
            return Executors.newFixedThreadPool(8);
        }
        return (ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
    }

    public static void main(String[] args) throws IOException, ReflectiveOperationException {
        back = args[1];
        blocking = args[2].equals("blocking");
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 1024);
        server.createContext("/front/", JavaService::front);
        server.setExecutor(threads(args[2]));
        server.start();
    }
}
