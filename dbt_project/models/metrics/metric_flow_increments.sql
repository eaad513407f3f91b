{{ flow_table('metric_flow_increment_key', 'increment', by_type=true) }}
