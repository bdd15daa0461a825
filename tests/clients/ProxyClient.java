import java.net.Authenticator;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/** What Java's own client sees of a web server by way of the proxy of the environment. */
public class ProxyClient {
    public static void main(String[] arguments) throws Exception {
        URI proxy = URI.create(System.getenv("WEB_PROXY"));
        String[] login = proxy.getUserInfo().split(":", 2);
        Authenticator authenticator = new Authenticator() {
            @Override
            protected PasswordAuthentication getPasswordAuthentication() {
                return new PasswordAuthentication(login[0], login[1].toCharArray());
            }
        };
        for (HttpClient.Version version : new HttpClient.Version[] {HttpClient.Version.HTTP_2, HttpClient.Version.HTTP_1_1}) {
            HttpClient client = HttpClient.newBuilder()
                .version(version)
                .proxy(ProxySelector.of(new InetSocketAddress(proxy.getHost(), proxy.getPort())))
                .authenticator(authenticator)
                .build();
            HttpRequest request = HttpRequest.newBuilder(URI.create(System.getenv("WEB_URL") + "/text"))
                .header("range", "bytes=0-5")
                .build();
            var response = client.send(request, BodyHandlers.ofString());
            System.out.println(response.version() + " " + response.statusCode() + " " + response.body());
        }
    }
}
