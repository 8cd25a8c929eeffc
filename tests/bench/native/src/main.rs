// A server in native code with many variables in folders of a hundred, for benches of browsing. Prints one JSON line with
// its url; ends with its stdin. One argument: how many variables.
use std::sync::Arc;

use opcua_server::address_space::VariableBuilder;
use opcua_server::diagnostics::NamespaceMetadata;
use opcua_server::node_manager::memory::{simple_node_manager, SimpleNodeManager};
use opcua_server::ServerBuilder;
use opcua_types::{DataTypeId, NodeId, ObjectId, QualifiedName, VariableTypeId};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

const SPACE: &str = "urn:test:many";
const PER_FOLDER: u32 = 100;

fn fill(nodes: &Arc<SimpleNodeManager>, namespace: u16, variables: u32) {
    let space = nodes.address_space();
    let mut space = space.write();
    let mut folder = NodeId::null();
    for number in 0..variables {
        if number % PER_FOLDER == 0 {
            let name = format!("Machine{}", number / PER_FOLDER);
            folder = NodeId::new(namespace, name.clone());
            space.add_folder(&folder, QualifiedName::new(namespace, name.as_str()), name.as_str(), &ObjectId::ObjectsFolder.into());
        }
        let name = format!("Tag{number}");
        VariableBuilder::new(&NodeId::new(namespace, 100_000 + number), QualifiedName::new(namespace, name.as_str()), name.as_str())
            .data_type(DataTypeId::Double)
            .value(f64::from(number))
            .has_type_definition(VariableTypeId::BaseDataVariableType)
            .organized_by(folder.clone())
            .insert(&mut *space);
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let variables = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (server, handle) = ServerBuilder::new_anonymous("many nodes")
        .application_uri(SPACE)
        .product_uri(SPACE)
        .host("127.0.0.1")
        .port(port)
        .max_message_size(1 << 26)
        .max_chunk_count(1 << 12)
        .with_node_manager(simple_node_manager(
            NamespaceMetadata { namespace_uri: SPACE.to_owned(), ..Default::default() },
            "many",
        ))
        .build()
        .unwrap();
    let namespace = handle.get_namespace_index(SPACE).unwrap();
    fill(&handle.node_managers().get_of_type::<SimpleNodeManager>().unwrap(), namespace, variables);
    println!("{{\"url\": \"opc.tcp://127.0.0.1:{port}\"}}");
    let ending = handle.clone();
    tokio::spawn(async move {
        let mut rest = Vec::new();
        let _ = tokio::io::stdin().read_to_end(&mut rest).await;
        ending.cancel();
    });
    server.run_with(listener).await.unwrap();
}
