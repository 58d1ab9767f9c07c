import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;

/** The three fields of an ad event that the job wants, by Jackson's streaming parser: the quickest that both peers have. */
public final class AdEvent {
    private static final JsonFactory FACTORY = new JsonFactory();

    public String adId, eventType;
    public long timeMs;

    public static AdEvent parse(byte[] bytes) throws IOException {
        Figures.begin();
        AdEvent event = new AdEvent();
        try (JsonParser parser = FACTORY.createParser(bytes)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                switch (name) {
                case "ad_id":
                    event.adId = parser.getText();
                    break;
                case "event_type":
                    event.eventType = parser.getText();
                    break;
                case "event_time":
                    event.timeMs = Long.parseLong(parser.getText());
                    break;
                default:
                }
            }
        }
        return event;
    }
}
