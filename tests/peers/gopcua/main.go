// A server on gopcua, the third stack: values of many types, one that changes. Prints one JSON line with its url and
// the exact bytes of each value; ends with its stdin. Its address space is as loose as that stack lets it be: no DataTypes,
// no TypeDefinitions.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"os"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/server"
	"github.com/gopcua/opcua/server/attrs"
	"github.com/gopcua/opcua/ua"
)

func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func values() map[string]any {
	moment := time.Date(2026, 1, 15, 12, 30, 45, 678123400, time.UTC)
	return map[string]any{
		"Boolean": true, "SByte": int8(-128), "Byte": byte(255), "Int16": int16(-32768), "UInt16": uint16(65535),
		"Int32": int32(-2147483648), "UInt32": uint32(4294967295), "Int64": int64(math.MinInt64),
		"UInt64": uint64(math.MaxUint64), "Float": float32(1.5), "Double": 5e-324, "NaN": math.NaN(),
		"Infinity": math.Inf(-1), "NegativeZero": math.Copysign(0, -1), "String": "é \x00\x1b[31m \u202e", "Empty": "",
		"DateTime": moment, "ByteString": []byte{0, 1, 255}, "Guid": ua.NewGUID("72962B91-FA75-4AE6-8D28-B404DC7DAF63"),
		"NodeId": ua.NewStringNodeID(1, "a;b"), "LocalizedText": ua.NewLocalizedTextWithLocale("Kühler", "de"),
		"QualifiedName": &ua.QualifiedName{NamespaceIndex: 1, Name: "a/b"}, "StatusCode": ua.StatusBadSensorFailure,
		"Doubles": []float64{1, -0.5, math.Inf(1)}, "Strings": []string{"", "a"}, "Matrix": [][]int32{{1, 2, 3}, {4, 5, 6}},
		"name/with&odd[parts]": int32(7),
	}
}

// A Variable that can be read; it says nothing of its DataType.
func variable(space *server.NodeNameSpace, name string, value func() *ua.DataValue) *server.Node {
	level := server.DataValueFromValue(byte(ua.AccessLevelTypeCurrentRead))
	node := server.NewNode(
		ua.NewStringNodeID(space.ID(), name),
		map[ua.AttributeID]*ua.DataValue{
			ua.AttributeIDAccessLevel: level, ua.AttributeIDUserAccessLevel: level,
			ua.AttributeIDBrowseName: server.DataValueFromValue(attrs.BrowseName(name)),
			ua.AttributeIDNodeClass:  server.DataValueFromValue(uint32(ua.NodeClassVariable)),
		},
		nil, value,
	)
	space.AddNode(node)
	space.Objects().AddRef(node, id.HasComponent, true)
	return node
}

func main() {
	port := freePort()
	s := server.New(
		server.EnableSecurity("None", ua.MessageSecurityModeNone),
		server.EnableAuthMode(ua.UserTokenTypeAnonymous),
		server.EndPoint("127.0.0.1", port),
	)
	if err := s.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	root, err := s.Namespace(0)
	if err != nil {
		log.Fatal(err)
	}
	space := server.NewNodeNameSpace(s, "urn:test:gopcua")
	root.Objects().AddRef(space.Objects(), id.HasComponent, true)

	truth := map[string]string{}
	for name, value := range values() {
		variant := ua.MustVariant(value)
		bytes, err := variant.Encode()
		if err != nil {
			log.Fatal(err)
		}
		truth[name] = hex.EncodeToString(bytes)
		data := &ua.DataValue{
			EncodingMask: ua.DataValueValue | ua.DataValueSourceTimestamp, Value: variant, SourceTimestamp: time.Now(),
		}
		variable(space, name, func() *ua.DataValue { return data })
	}

	var tick int64
	counter := variable(space, "Counter", func() *ua.DataValue {
		return &ua.DataValue{
			EncodingMask: ua.DataValueValue | ua.DataValueSourceTimestamp, Value: ua.MustVariant(tick),
			SourceTimestamp: time.UnixMilli(tick * 100),
		}
	})
	go func() {
		for range time.Tick(20 * time.Millisecond) {
			if now := time.Now().UnixMilli() / 100; now != tick {
				tick = now
				space.ChangeNotification(counter.ID())
			}
		}
	}()

	hello, err := json.Marshal(map[string]any{"url": fmt.Sprintf("opc.tcp://127.0.0.1:%d", port), "truth": truth})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(hello))
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = s.Close()
}
