{{ flow_table('metric_flow_team_increment_key', 'increment', by_team=true, by_type=true) }}
