select stage_visit_key

from {{ ref('fct_stage_visits') }}

where
    active_s + wait_s <> elapsed_s
    or active_business_s + wait_business_s <> business_s
    or active_s < 0
    or wait_s < 0
    or active_business_s < 0
    or wait_business_s < 0
    or blocked_s < 0
    or blocked_s > elapsed_s
    or business_s < 0
    or business_s > elapsed_s
    or (
        is_terminal
        and coalesce(
            elapsed_s, business_s, active_s, wait_s, blocked_s, active_business_s, wait_business_s
        ) is not null
    )
    or (
        not is_terminal
        and (elapsed_s is null or business_s is null or active_s is null or wait_s is null)
    )
