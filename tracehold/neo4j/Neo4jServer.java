import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.neo4j.cli.AdminTool;
import org.neo4j.cli.ExecutionContext;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

/**
 * Runs one Neo4j in the home folder that is the first argument, until the process is told to end.
 *
 * <p>On the first start the password is read from standard input, so that it never stands on a
 * command line.
 */
public final class Neo4jServer {
    private Neo4jServer() {}

    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[0]).toRealPath();
        Path conf = home.resolve("conf");
        if (!Files.exists(home.resolve("data").resolve("dbms"))) {
            setFirstPassword(home, conf);
        }
        DatabaseManagementService service = new DatabaseManagementServiceBuilder(home)
                .loadPropertiesFromFile(conf.resolve("neo4j.conf"))
                .build();
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            service.shutdown();
            ended.countDown();
        }));
        System.out.println("READY");
        ended.await();
    }

    private static void setFirstPassword(Path home, Path conf) throws Exception {
        BufferedReader input =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String password = input.readLine();
        if (password == null) {
            throw new IllegalStateException("no password on standard input");
        }
        int code = AdminTool.execute(
                new ExecutionContext(home, conf), "dbms", "set-initial-password", password);
        if (code != 0) {
            throw new IllegalStateException("the first password could not be set, code " + code);
        }
    }
}
