{{ flow_table('metric_flow_increment_total_key', 'increment') }}
